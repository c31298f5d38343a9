"""``zoo completion``: the script that makes a shell complete commands, options and names."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")), metavar="bash|zsh|fish")
def command(shell: str) -> None:
    """Print a script that makes a shell complete commands, options, and names of models, datasets and recipes.

    To enable completion, add this line to ~/.bashrc or ~/.zshrc:

    \b
      eval "$(zoo completion bash)"
      eval "$(zoo completion zsh)"

    For fish, write the script to a file once:

    \b
      zoo completion fish > ~/.config/fish/completions/zoo.fish
    """  # noqa: D301 - click looks for the character \b, which keeps the lines after it as they are
    from click.shell_completion import get_completion_class

    from zoo.cli.group import zoo

    found = get_completion_class(shell)
    assert found is not None, "click has the shells of the argument"
    click.echo(found.source_template % found(zoo, {}, "zoo", "_ZOO_COMPLETE").source_vars())
