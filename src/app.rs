//! The roof: from the command line to an exit code. The commands are registered in `app/command.rs`, one line each.
//!
//! Completion comes before parsing, since its words are no whole command line. An error of parsing has no
//! context yet: it finds out by itself about colours and about the exit codes of its command. The log starts
//! before the command does.

mod command;

pub use crate::cli::end_on_panic;
use crate::cli::{
    ColorChoice, ColorEnvironment, Context, Exit, Family, Program, Stream, Visible, annotate_error,
    ci_system, usage_error, write_error,
};
use crate::complete::complete;
use crate::usecase::{CommandError, ErrorKind};
use clap::CommandFactory;
pub use command::{Cli, Command};
use std::ffi::OsString;
use std::io::Write;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Parses, runs and tells the exit code.
pub fn run(arguments: &[OsString]) -> Exit {
    let program = Program::from_argument(arguments.first().map(OsString::as_os_str));
    if let Some(words) = words_to_complete(&program, arguments) {
        return complete(&words, &Cli::command());
    }
    program.name_commands();

    let arguments = &asking_for_help(arguments)[..];
    let cli = match command::parse(arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, arguments),
    };

    let family = cli.command.family();
    let context = Context::new(cli.global, Cli::command);
    start_log(&context);

    let result = block_on(cli.command, &context);
    result.unwrap_or_else(|error| {
        let color = context.color(Stream::Stderr);
        // Nobody is left to be told where stderr is closed.
        write_error(&error, &mut context.stderr(), color).ok();
        annotate_error(&error, context.ci());
        family.exit(error.kind)
    })
}

/// `help promote` asks as `promote --help` does.
fn asking_for_help(arguments: &[OsString]) -> Vec<OsString> {
    match arguments {
        [program, help, rest @ ..] if help == "help" => {
            let asked = rest.iter().cloned().chain(["--help".into()]);
            [program.clone()].into_iter().chain(asked).collect()
        }
        _ => arguments.to_vec(),
    }
}

/// The words to complete: this is the completer, or a shell's own script asks (`__complete`).
fn words_to_complete(program: &Program, arguments: &[OsString]) -> Option<Vec<String>> {
    let text = |words: &[OsString]| {
        words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    };

    if program.is_completer() {
        return Some(text(&arguments[1..]));
    }
    (arguments.get(1)? == "__complete").then(|| text(&arguments[2..]))
}

/// The runtime is built here and not by a macro: `--help` needs none. One thread drives all connections, since answers that
/// hop between threads cost more than a second core gives; what computes for long goes to the threads for blocking work.
fn block_on(command: Command, context: &Context) -> Result<Exit, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::new(ErrorKind::Other, "cannot start threads").with_source(&error))?;

    let result = runtime.block_on(command.run(context));

    // Watches and look-ups in flight must not delay the exit.
    runtime.shutdown_background();
    result
}

/// Help and version go to stdout and are no failure; anything else is a usage error.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let stream = if error.use_stderr() {
        Stream::Stderr
    } else {
        Stream::Stdout
    };

    let color = ColorEnvironment::from_env().allows(color_choice(arguments), stream.is_terminal());
    let rendered = error.render();
    let text = if color {
        rendered.ansi().to_string()
    } else {
        rendered.to_string()
    };

    // As kubectl: without a word, help is what was asked for.
    if stream == Stream::Stdout || arguments.len() == 1 {
        // Nobody is left to be told where the stream is closed.
        Visible::new(std::io::stdout(), color)
            .guarded(ci_system())
            .write_all(text.as_bytes())
            .ok();
        return Exit::OK;
    }

    let mut stderr = Visible::new(std::io::stderr(), color).guarded(ci_system());
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        stderr.write_all(text.as_bytes()).ok();
    } else {
        let mut root = Cli::command();
        root.build();
        let error = usage_error(error, arguments, &root);
        write_error(&error, &mut stderr, color).ok();
        annotate_error(&error, ci_system());
    }
    family_named(arguments).exit(ErrorKind::Usage)
}

fn family_named(arguments: &[OsString]) -> Family {
    // Only global flags can stand before a command, and none of their values is called like one.
    arguments
        .iter()
        .skip(1)
        .filter_map(|word| Command::family_of(word.to_str()?))
        .next()
        .unwrap_or(Family::Acting)
}

/// `--color` as written, for errors that come before the flags are parsed.
fn color_choice(arguments: &[OsString]) -> ColorChoice {
    let words: Vec<_> = arguments.iter().filter_map(|word| word.to_str()).collect();
    let after = |flag: &str| {
        words
            .iter()
            .position(|word| *word == flag)
            .and_then(|at| words.get(at + 1))
            .copied()
    };

    let wish = words
        .iter()
        .find_map(|word| word.strip_prefix("--color="))
        .or_else(|| after("--color"));
    match wish {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// Only our own lines: a client library's log may hold bodies, and bodies hold Secrets.
fn start_log(context: &Context) {
    use tracing::level_filters::LevelFilter;

    let level = match context.verbosity() {
        // Nobody listens: a line of the log costs next to nothing then.
        0 => return,
        1..=3 => LevelFilter::INFO,
        4..=7 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };

    let (color, ci) = (context.color(Stream::Stderr), context.ci());
    let ours = tracing_subscriber::filter::Targets::new().with_target("kubectl_delivery", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || Visible::new(std::io::stderr(), color).guarded(ci))
        // A terminal that is gone ends no run: its complaint would go to the same one, and panic.
        .log_internal_errors(false)
        .with_ansi(color)
        .with_target(false);

    tracing_subscriber::registry().with(ours).with(lines).init();
}
