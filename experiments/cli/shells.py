"""Bash completes values that have colons and equals signs in them, as ours have."""

from __future__ import annotations

import os
import re

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

# Unlike Click's this hands the line as it was typed, adds no blank behind what goes on, and takes blanks as they come.
SCRIPT = """\
%(complete_func)s() {
    local IFS=$'\\n'
    local response completion type value

    response=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD COMP_LINE="$COMP_LINE" \\
        COMP_POINT=$COMP_POINT %(complete_var)s=bash_complete "$1" 2> /dev/null)

    COMPREPLY=()
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("$value")
                case $value in *[:/=]) compopt -o nospace ;; esac
                ;;
        esac
    done

    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

#: What a shell would not take as it stands.
_SPECIAL = re.compile(r"[^\w@%+:,./=~-]")


class Bash(BashComplete):
    """Completes for Bash, where words are not what Bash takes for words.

    Notes
    -----
    Bash breaks what is typed at colons and equals signs (``COMP_WORDBREAKS``), so that ``--trace swf:jo`` are four
    words for it, of which it replaces the last. We go by the line, and give back what replaces that last piece.
    """

    source_template = SCRIPT

    def __init__(self, *more: object) -> None:
        super().__init__(*more)  # type: ignore[arg-type]
        self._before, self._quoted = "", False

    def get_completion_args(self) -> tuple[list[str], str]:
        """Give the words before, and the one that is completed."""
        line, point = os.environ.get("COMP_LINE"), os.environ.get("COMP_POINT")
        if line is None or point is None:  # asked as Click's own script does
            return super().get_completion_args()
        typed = line.encode()[: int(point)].decode(errors="ignore")
        _, *words, word = _split(typed)
        value = word.partition("=")[2] if word.startswith("-") and "=" in word else word
        raw = os.environ["COMP_WORDS"].split("\n")[int(os.environ["COMP_CWORD"])]
        self._quoted = raw.startswith(("'", '"'))
        *_, piece = _split(raw)
        piece = "" if piece in (":", "=") else piece
        self._before = value.removesuffix(piece)
        return words, word

    def format_completion(self, item: CompletionItem) -> str:
        """Give what stands in the place of the last piece, so that Bash takes it for one word."""
        value = str(item.value).removeprefix(self._before)
        if item.type == "plain" and not self._quoted:
            value = _SPECIAL.sub(lambda found: f"\\{found[0]}", value)
        return f"{item.type},{value}"


def _split(text: str) -> list[str]:
    """Split a line into words, of which the last is not ended; it is empty behind a blank."""
    *words, last = split_arg_string(f"{text}x")
    return [*words, last[:-1]]


def register() -> None:
    """Let Click complete in this way."""
    add_completion_class(Bash)
