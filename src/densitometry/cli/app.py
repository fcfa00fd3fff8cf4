"""The command group: greeting, lazy commands, and the one place where failures become exit codes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any

import click

from densitometry._version import __version__
from densitometry.cli import console
from densitometry.cli.exits import EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE
from densitometry.errors import DensitometryError
from densitometry.interrupts import remembered, was_interrupted

COMMANDS = {
    "analyze": (
        "densitometry.cli.analyze",
        "Measure pictures: density, thickness, and an overlay of every hair.",
    ),
    "compare": (
        "densitometry.cli.compare",
        "Compare two visits of one spot, hair by hair.",
    ),
    "demo": ("densitometry.cli.demo", "The whole way on the sample study."),
    "doctor": ("densitometry.cli.doctor", "Check that the installation can do its work."),
    "recipe": ("densitometry.cli.recipe", "List, show, check and compare recipes."),
    "report": ("densitometry.cli.report", "Pages to open in front of a patient, from a study's results."),
    "simulate": ("densitometry.cli.simulate", "Draw simulated pictures with their exact truth."),
    "study": ("densitometry.cli.study", "Folders of people, visits and pictures."),
}

GREETING = """\
densitometry: hair density and shaft thickness from trichoscopy pictures

  see what it does          densitometry demo
  measure a picture         densitometry analyze a.jpg --um-per-px 5.5 --out results
  measure a folder          densitometry analyze pictures/ --field-width-mm 7 --out results --jobs 2
  compare two visits        densitometry compare before.jpg after.jpg --um-per-px 5.5 --out change
  run a whole study         densitometry study run my-study results

densitometry COMMAND --help tells the options; densitometry --help lists the commands."""


class LazyGroup(click.Group):
    """Loads a command's module when it is called, so that --version and --help stay fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  as Click has it
        """Return the names in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command, importing it."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.command(
    cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="densitometry")
@click.pass_context
def application(context: click.Context) -> None:
    """Hair density and shaft thickness from trichoscopy pictures."""
    if context.invoked_subcommand is None:
        console.say(GREETING)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: the contract's 0, 1, 2, 3, 4, 5 or 130."""
    with remembered():
        return _run(arguments)


def _run(arguments: list[str] | None) -> int:
    try:
        result: Any = application.main(args=arguments, prog_name="densitometry", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return EXIT_USAGE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except DensitometryError as error:
        console.show_refusal(error)
        return error.exit_status
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
        return EXIT_OK
    except Exception as error:  # noqa: BLE001  the last resort: our bug, said as such
        if was_interrupted():
            return _interrupted()
        if os.environ.get("DENSITOMETRY_TRACEBACK"):
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}"
        console.show_error(
            "E001",
            what,
            "this is a bug in densitometry",
            "DENSITOMETRY_TRACEBACK=1 densitometry doctor   # set so, any command shows where it failed",
        )
        return EXIT_BUG
    return result if isinstance(result, int) else EXIT_OK


def _interrupted() -> int:
    console.note("interrupted: what was finished is whole, nothing else was written")
    return EXIT_INTERRUPTED
