# bash completion for kubectl-delivery: source it.
_kubectl_delivery() {
  local typed=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]:1:COMP_CWORD-1}") line value directive=4
  # bash splits --flag=value in three: the program wants it whole.
  if [[ $typed == "=" ]]; then typed=""; fi
  local found=()
  while IFS= read -r line; do
    if [[ $line =~ ^:([0-9]+)$ ]]; then directive=${BASH_REMATCH[1]}; continue; fi
    value=${line%%$'\t'*}
    found+=("$value")
  done < <("${COMP_WORDS[0]}" __complete "${words[@]}" "$typed" 2>/dev/null)
  if [[ $directive == 0 ]]; then
    compopt -o filenames 2>/dev/null
    # Names first, where a file or a name may come.
    mapfile -t COMPREPLY < <([[ ${#found[@]} == 0 ]] || printf '%s\n' "${found[@]}"; compgen -f -- "$typed")
  else
    COMPREPLY=("${found[@]}")
  fi
}
complete -F _kubectl_delivery kubectl-delivery
