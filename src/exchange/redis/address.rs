//! Where Redis is: the URLs of `--redis`, read.

use std::fmt;
use url::Url;

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    /// A name or an IP address.
    pub host: String,
    /// A TCP port.
    pub port: u16,
}

/// Who a gateway is to Redis. It doesn't print its password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// One URL: a server, or those who know where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub(super) kind: Kind,
    pub(super) hosts: Vec<Address>,
    pub(super) credentials: Option<Credentials>,
    pub(super) tls: bool,
}

/// What a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One server.
    Standalone,
    /// Sentinels, who know the master of this service.
    Sentinel { service: String },
    /// Some nodes of a Redis Cluster.
    Cluster,
}

const FORMS: &str = "takes redis://host:6379, redis+sentinel://host:26379,host:26379/service or \
                     redis+cluster://host:6379,host:6379; rediss instead of redis for TLS, and user:password@ before the hosts";

impl Source {
    /// Reads a URL. The error doesn't repeat it: it may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or(FORMS)?;
        let (tls, kind) = match scheme.split_once('+').unwrap_or((scheme, "")) {
            ("redis", kind) => (false, kind),
            ("rediss", kind) => (true, kind),
            _ => return Err(FORMS.into()),
        };
        // First what may be a password: whatever it holds, it is not taken for a host.
        let (user_info, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        if rest.contains(['?', '#']) {
            return Err(
                "a Redis URL has no query; percent-encode what user and password hold of ?, # and @".into()
            );
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let kind = match (kind, path) {
            ("", "" | "0") => Kind::Standalone,
            ("cluster", "") => Kind::Cluster,
            ("sentinel", "") => {
                return Err("a Sentinel URL ends with the name of its service: /service".into());
            }
            ("sentinel", service) => Kind::Sentinel { service: service.into() },
            ("" | "cluster", _) => return Err("a Redis URL has no path: the database is 0".into()),
            _ => return Err(FORMS.into()),
        };
        let port = if matches!(kind, Kind::Sentinel { .. }) { 26379 } else { 6379 };
        let hosts: Vec<_> =
            hosts.split(',').map(|host| Address::parse(host, port)).collect::<Result<_, _>>()?;
        if kind == Kind::Standalone && hosts.len() > 1 {
            return Err(
                "redis:// names one server; repeat --redis for more, or name a redis+cluster://".into()
            );
        }
        Ok(Self { kind, hosts, credentials: Credentials::parse(user_info)?, tls })
    }

    /// Whether it names a Redis Cluster.
    pub fn is_cluster(&self) -> bool {
        self.kind == Kind::Cluster
    }

    /// Whether it asks for TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }
}

impl Address {
    fn parse(text: &str, default_port: u16) -> Result<Self, String> {
        let url = Url::parse(&format!("redis://{text}")).map_err(|error| format!("{error} in a host"))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(FORMS)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: url.port().unwrap_or(default_port) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Credentials {
    fn parse(user_info: &str) -> Result<Option<Self>, String> {
        if user_info.is_empty() {
            return Ok(None);
        }
        let (user, password) = user_info
            .split_once(':')
            .ok_or("credentials are user:password, or :password for the default user")?;
        let user = if user.is_empty() { "default".into() } else { decoded(user)? };
        Ok(Some(Self { user, password: decoded(password)? }))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:…", self.user)
    }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "user and password are UTF-8, percent-encoded where needed".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    #[test]
    fn each_form_is_read() {
        let source = Source::parse("redis://cache").unwrap();
        assert_eq!((source.kind, source.hosts), (Kind::Standalone, vec![address("cache", 6379)]));
        let source = Source::parse("rediss://[::1]:7000/0").unwrap();
        assert_eq!((source.tls, source.hosts), (true, vec![address("::1", 7000)]));
        let source = Source::parse("redis+sentinel://a,b:26380/main").unwrap();
        assert_eq!(source.kind, Kind::Sentinel { service: "main".into() });
        assert_eq!(source.hosts, [address("a", 26379), address("b", 26380)]);
        let source = Source::parse("rediss+cluster://a:1,b:2").unwrap();
        assert!(source.is_cluster() && source.is_tls());
    }

    #[test]
    fn credentials_are_decoded_and_not_printed() {
        let source = Source::parse("redis://ann:s%40cret@cache").unwrap();
        assert_eq!(source.credentials, Some(Credentials { user: "ann".into(), password: "s@cret".into() }));
        assert!(!format!("{source:?}").contains("cret"));
        let source = Source::parse("redis://:secret@cache").unwrap();
        assert_eq!(source.credentials.unwrap().user, "default");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (url, said) in [
            ("localhost:6379", "takes redis://"),
            ("http://secret@a", "takes redis://"),
            ("redis+ring://a", "takes redis://"),
            ("redis://", "takes redis://"),
            ("redis://:secret@", "takes redis://"),
            ("redis://a,b", "repeat --redis"),
            ("redis://a/3", "the database is 0"),
            ("redis+sentinel://a", "name of its service"),
            ("redis://:secret@a:port", "invalid port"),
            ("redis://secret@a", "user:password"),
            ("redis://ann:secret/x@a:port", "invalid port"),
            ("redis+sentinel://ann:1234/5@a", "name of its service"),
            ("redis://a?password=secret", "no query"),
        ] {
            let error = Source::parse(url).expect_err(url);
            assert!(error.contains(said) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
