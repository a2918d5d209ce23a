//! `switchboard health`: of all settings, it takes those that say where the node is.

use clap::{Arg, ArgAction, ArgMatches, Command};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) const NAME: &str = "health";

/// What is asked of which node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthConfig {
    /// Where the node of this machine listens for operators: one of these.
    pub addresses: Vec<SocketAddr>,
    /// Whether it has to be ready, too.
    pub ready: bool,
}

/// The command, with settings as the node's own command has them.
pub(super) fn command(settings: &Command) -> Command {
    let shared =
        settings.get_arguments().filter(|argument| ["config", "admin_listen"].contains(&id(argument)));
    Command::new(NAME)
        .about("Asks the node on this machine whether it is alive")
        .long_about(
            "Asks the node on this machine whether it is alive, by its --admin-listen: prints one line, and exits with 0 \
             if it is, 1 if it isn't or doesn't answer within 2 seconds",
        )
        .args(shared.map(|argument| argument.clone().help_heading(None)))
        .arg(
            Arg::new("ready")
                .long("ready")
                .action(ArgAction::SetTrue)
                .help("Asks whether it is ready, too: whether it can serve rooms, and isn't draining"),
        )
}

fn id(argument: &Arg) -> &str {
    argument.get_id().as_str()
}

impl HealthConfig {
    pub(super) fn from_matches(matches: &ArgMatches) -> Result<Self, String> {
        let listens: SocketAddr = *matches.get_one("admin_listen").expect("it has a default");
        if listens.port() == 0 {
            return Err("--admin-listen with port 0 is any free port: nobody else knows which".into());
        }
        Ok(Self { addresses: reachable(listens), ready: matches.get_flag("ready") })
    }
}

/// Where one connects to who listens here: who listens on all addresses also listens on loopback. A container may have IPv4's
/// alone.
fn reachable(listens: SocketAddr) -> Vec<SocketAddr> {
    let port = listens.port();
    match listens {
        SocketAddr::V4(all) if all.ip().is_unspecified() => vec![(Ipv4Addr::LOCALHOST, port).into()],
        SocketAddr::V6(all) if all.ip().is_unspecified() => {
            vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()]
        }
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Task, *};

    fn health(arguments: &[&str]) -> Result<HealthConfig, String> {
        let arguments = ["switchboard", "health"].iter().chain(arguments).map(Into::into).collect();
        match Task::read(arguments) {
            Ok(Task::TellHealth(health)) => Ok(health),
            Ok(Task::Serve(_)) => panic!("it would serve"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn it_asks_where_the_node_listens() {
        for (listens, asked) in [
            ("127.0.0.1:9090", &["127.0.0.1:9090"][..]),
            ("192.0.2.1:9090", &["192.0.2.1:9090"]),
            ("0.0.0.0:9090", &["127.0.0.1:9090"]),
            ("[::]:9090", &["[::1]:9090", "127.0.0.1:9090"]),
            ("[fe80::1%7]:9090", &["[fe80::1%7]:9090"]),
        ] {
            let health = health(&["--admin-listen", listens]).unwrap();
            assert_eq!(health.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), asked);
            assert!(!health.ready);
        }
        assert!(health(&["--ready"]).unwrap().ready);
        assert!(
            health(&["--admin-listen", "127.0.0.1:0"]).unwrap_err().contains("--admin-listen with port 0")
        );
    }

    #[test]
    fn of_a_file_only_that_counts() {
        let path = std::env::temp_dir().join(format!("switchboard-health-{}.toml", std::process::id()));
        let text = "admin-listen = '[::1]:9191'\nlisten = '0.0.0.0:1'\nadmin-token = 'file:/nowhere'\n";
        std::fs::write(&path, text).unwrap();
        let file = path.to_str().unwrap();
        assert_eq!(health(&["--config", file]).unwrap().addresses, ["[::1]:9191".parse().unwrap()]);
        let flag = health(&["--config", file, "--admin-listen", "127.0.0.1:1"]);
        assert_eq!(flag.unwrap().addresses, ["127.0.0.1:1".parse().unwrap()]);
        std::fs::write(&path, "admin-listen = 'here'").unwrap();
        let told = health(&["--config", file]).unwrap_err();
        assert!(told.contains(file) && told.contains("takes IP:PORT"), "{told}");
        std::fs::remove_file(path).unwrap();
    }
}
