# homelab for fish: homelab completion fish >~/.config/fish/completions/homelab.fish
function __homelab
    set -l words (commandline -opc) (commandline -ct)
    for line in (_HOMELAB_COMPLETE=1 $words[1] $words[2..-1] 2>/dev/null)
        if test "$line" = :files\t
            __fish_complete_path (commandline -ct)
        else
            printf '%s\n' $line
        end
    end
end
complete -c homelab -f -a '(__homelab)'
