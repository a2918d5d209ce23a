//! What can go wrong with Redis: what to call it in a metric, what to tell an operator, and whether waiting helps.

use super::address::Address;
use std::io;

/// Why a server can't be worked with.
#[derive(Debug, thiserror::Error)]
#[error("Redis at {at} {fault}")]
pub(super) struct Trouble {
    pub(super) at: Address,
    pub(super) fault: Fault,
}

/// The trouble itself. The text goes on after "Redis at host:port".
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("can't be reached: {0}")]
    Unreachable(io::Error),
    #[error("can't be trusted: {0}; --redis-ca names the file with its certificate authority")]
    Certificate(io::Error),
    #[error("does not speak TLS as it should: {0}; redis:// is for a server without it")]
    NoTls(io::Error),
    #[error("closed the connection")]
    Closed,
    #[error("did not answer in time (--redis-timeout)")]
    Silent,
    #[error("stopped passing on what is published")]
    Deaf,
    #[error("says what can't be understood: {0}")]
    Garbled(String),
    #[error(
        "asks for a password; put it into the URL, best in SWITCHBOARD_REDIS: redis://user:password@host:port"
    )]
    NoPassword,
    #[error("refuses this user name or password")]
    WrongPassword,
    #[error("forbids its user what the gateway needs ({0}); docs/operations.md has the ACL line")]
    Forbidden(String),
    #[error("is version {0}; 7.0 or later is needed")]
    TooOld(String),
    #[error("is a {found}; name it {form}")]
    OtherKind { found: &'static str, form: &'static str },
    #[error(
        "belongs to a deployment of {found}, and these settings say {expected}; every node needs the same --partitions and \
         --redis in the same order, or another --redis-prefix"
    )]
    OtherDeployment { found: String, expected: String },
    #[error("does not serve this now: {0}")]
    Moved(String),
    #[error("is handing this on to another: {0}")]
    Migrating(String),
    #[error("has no master named {0}")]
    NoMaster(String),
    #[error("answered: {0}")]
    Refused(String),
}

impl Fault {
    pub(super) fn at(self, at: &Address) -> Trouble {
        Trouble { at: at.clone(), fault: self }
    }

    /// What an error of the server's means.
    pub(super) fn of_error(text: &str) -> Self {
        let code = text.split_once(' ').map_or(text, |(code, _)| code);
        match code {
            "NOAUTH" => Self::NoPassword,
            "WRONGPASS" => Self::WrongPassword,
            "NOPERM" => Self::Forbidden(text.into()),
            "ASK" | "TRYAGAIN" => Self::Migrating(text.into()),
            _ if text.contains("non local key") => Self::Migrating(text.into()),
            "MOVED" | "CLUSTERDOWN" | "READONLY" | "MASTERDOWN" | "LOADING" | "NOSCRIPT" | "BUSY"
            | "MISCONF" | "NOREPLICAS" => Self::Moved(text.into()),
            _ if text.contains("unknown command `HELLO`") || text.contains("unknown command 'HELLO'") => {
                Self::TooOld("before 6.0".into())
            }
            _ if text.contains("cluster support disabled") => {
                Self::OtherKind { found: "single server", form: "redis://host:port" }
            }
            _ => Self::Refused(text.into()),
        }
    }

    /// Whether only a person can mend it: then a gateway that starts doesn't wait.
    pub(super) fn is_for_good(&self) -> bool {
        matches!(
            self,
            Self::Certificate(_)
                | Self::NoTls(_)
                | Self::NoPassword
                | Self::WrongPassword
                | Self::Forbidden(_)
                | Self::TooOld(_)
                | Self::OtherKind { .. }
                | Self::OtherDeployment { .. }
        )
    }

    /// The metric's label.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::NoMaster(_) => "unreachable",
            Self::Closed => "closed",
            Self::Silent => "silent",
            Self::Deaf => "deaf",
            Self::Moved(_) | Self::Migrating(_) => "moved",
            Self::Certificate(_) | Self::NoPassword | Self::WrongPassword | Self::Forbidden(_) => "forbidden",
            Self::Garbled(_)
            | Self::NoTls(_)
            | Self::TooOld(_)
            | Self::OtherKind { .. }
            | Self::OtherDeployment { .. }
            | Self::Refused(_) => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_understood_by_their_code() {
        for (text, label, for_good) in [
            ("NOAUTH Authentication required.", "forbidden", true),
            ("WRONGPASS invalid username-password pair or user is disabled.", "forbidden", true),
            ("NOPERM this user has no permissions to run the 'evalsha' command", "forbidden", true),
            ("MOVED 3999 127.0.0.1:6381", "moved", false),
            ("READONLY You can't write against a read only replica.", "moved", false),
            ("LOADING Redis is loading the dataset in memory", "moved", false),
            ("OOM command not allowed when used memory > 'maxmemory'.", "refused", false),
            ("ERR unknown command 'HELLO', with args beginning with: '2'", "refused", true),
            ("ERR This instance has cluster support disabled", "refused", true),
        ] {
            let fault = Fault::of_error(text);
            assert_eq!((fault.label(), fault.is_for_good()), (label, for_good), "{text}");
        }
    }
}
