"""`homelab completion`: the scripts with which shells ask what may follow."""

import click

BASH = """\
# homelab for bash: eval "$(homelab completion bash)", or into /etc/bash_completion.d/homelab
_homelab() {
    local line=${COMP_LINE:0:COMP_POINT} words current name what keep
    read -ra words <<<"$line"
    case $line in *[[:space:]]) words+=("") ;; esac
    current=${words[${#words[@]} - 1]}
    # bash takes a word apart at each colon, and puts only the last part back.
    case $COMP_WORDBREAKS in *:*) keep=${current%"${current##*:}"} ;; esac
    COMPREPLY=()
    while IFS=$'\\t' read -r name what; do
        if [ "$name" = :files ]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$current")
        else
            COMPREPLY+=("${name#"$keep"}")
        fi
    done < <(_HOMELAB_COMPLETE=1 "${words[0]}" "${words[@]:1}" 2>/dev/null)
}
complete -F _homelab homelab
"""

ZSH = """\
#compdef homelab
# homelab for zsh: into a file _homelab in a folder of $fpath, or eval "$(homelab completion zsh)"
_homelab() {
    local -a found
    local name what
    while IFS=$'\\t' read -r name what; do
        if [[ $name == :files ]]; then _files; return; fi
        found+=("${name//:/\\\\:}:$what")
    done < <(_HOMELAB_COMPLETE=1 "${words[1]}" "${(@)words[2,CURRENT]}" 2>/dev/null)
    _describe homelab found
}
if [[ $funcstack[1] == _homelab ]]; then _homelab "$@"; else compdef _homelab homelab; fi
"""

FISH = """\
# homelab for fish: homelab completion fish >~/.config/fish/completions/homelab.fish
function __homelab
    set -l words (commandline -opc) (commandline -ct)
    for line in (_HOMELAB_COMPLETE=1 $words[1] $words[2..-1] 2>/dev/null)
        if test "$line" = :files\\t
            __fish_complete_path (commandline -ct)
        else
            printf '%s\\n' $line
        end
    end
end
complete -c homelab -f -a '(__homelab)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


@click.command("completion")
@click.argument("shell", type=click.Choice(tuple(SCRIPTS)))
def completion_command(*, shell: str) -> int:
    """Print what makes a shell complete commands, options, guests, networks, places and fault codes.

    Names come from the inventory and from the last look at the lab. For bash:
    eval "$(homelab completion bash)" in ~/.bashrc.
    """
    click.echo(SCRIPTS[shell], nl=False)
    return 0
