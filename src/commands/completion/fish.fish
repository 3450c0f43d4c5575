# fish completion for kubectl-delivery: put it into ~/.config/fish/completions/kubectl-delivery.fish.
function __kubectl_delivery_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (command kubectl-delivery __complete $words[2..] 2>/dev/null)
    for line in $lines
        if test "$line" = ":0"
            __fish_complete_path (commandline -ct)
        else if not string match -qr '^:[0-9]+$' -- "$line"
            echo -- "$line"
        end
    end
end
complete -c kubectl-delivery -f -a '(__kubectl_delivery_complete)'
