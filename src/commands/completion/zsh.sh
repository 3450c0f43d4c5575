#compdef kubectl-delivery
# zsh completion for kubectl-delivery: put it into a folder of $fpath as _kubectl-delivery, or source it.
_kubectl-delivery() {
  local line value help directive=4
  local -a found
  while IFS= read -r line; do
    if [[ $line == :<-> ]]; then directive=${line#:}; continue; fi
    value=${line%%$'\t'*}
    help=${line#*$'\t'}
    value=${value//:/\\:}
    if [[ $line == *$'\t'* ]]; then found+=("$value:$help"); else found+=("$value"); fi
  done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
  # Names first, where a file or a name may come.
  if [[ $directive != 0 || $#found -gt 0 ]]; then _describe 'kubectl-delivery' found; fi
  if [[ $directive == 0 ]]; then _files; fi
}
if [[ $funcstack[1] == _kubectl-delivery ]]; then _kubectl-delivery "$@"; else compdef _kubectl-delivery kubectl-delivery; fi
