//! `loadtest`: loads a signaling server, checks every message and says what it cost.

mod bare;
mod dialect;
mod report;

use clap::Parser;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    #[command(subcommand, hide = true)]
    Bare(bare::Bare),
}

fn main() -> anyhow::Result<()> {
    let Command::Bare(what) = Cli::parse().command;
    bare::run(&what)
}
