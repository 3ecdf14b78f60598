"""``towtank completion``: scripts by which shells complete commands, options and their values."""

from __future__ import annotations

import click

#: What a shell that completes puts its question into.
VARIABLE = "_TOWTANK_COMPLETE"

HOW = """
\b
Example, for the shell that asks:
  source <(towtank completion bash)

\b
For every shell to come:
  bash  towtank completion bash > ~/.local/share/bash-completion/completions/towtank
        (where the package bash-completion is installed; else into a file that ~/.bashrc sources)
  zsh   towtank completion zsh > ~/.zfunc/_towtank
        (with `fpath+=~/.zfunc` and then `autoload -Uz compinit && compinit` in ~/.zshrc)
  fish  towtank completion fish > ~/.config/fish/completions/towtank.fish
"""


@click.command(epilog=HOW)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script by which a shell completes commands, options and values.

    Values are names of architectures, policies, queues, trace formats, generated workloads, experiments, data sets and
    so on, functions in a policy's file, results directories, and files.
    """
    from click.shell_completion import get_completion_class

    from experiments.cli.shells import register

    register()
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(click.get_current_context().find_root().command, {}, "towtank", VARIABLE).source())
