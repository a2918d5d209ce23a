//! The scripts, one a file in `lua/`: each changes what one partition holds, atomically.

use redis::Script as Source;
use std::sync::LazyLock;

/// A script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Script {
    Join,
    Resume,
    Leave,
    Detach,
    Post,
    Broadcast,
    Info,
    Sync,
    Trim,
    Ack,
    Restore,
    Audit,
    Beat,
    Reap,
    Expire,
    Retire,
}

impl Script {
    pub(super) const ALL: [Self; 16] = [
        Self::Join,
        Self::Resume,
        Self::Leave,
        Self::Detach,
        Self::Post,
        Self::Broadcast,
        Self::Info,
        Self::Sync,
        Self::Trim,
        Self::Ack,
        Self::Restore,
        Self::Audit,
        Self::Beat,
        Self::Reap,
        Self::Expire,
        Self::Retire,
    ];

    /// Its name: the metric's label, too.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Resume => "resume",
            Self::Leave => "leave",
            Self::Detach => "detach",
            Self::Post => "post",
            Self::Broadcast => "broadcast",
            Self::Info => "info",
            Self::Sync => "sync",
            Self::Trim => "trim",
            Self::Ack => "ack",
            Self::Restore => "restore",
            Self::Audit => "audit",
            Self::Beat => "beat",
            Self::Reap => "reap",
            Self::Expire => "expire",
            Self::Retire => "retire",
        }
    }

    /// What Redis is given to load: the script, with what scripts share put below its first line. That line says whether
    /// it may run when Redis is full: what takes no memory, or gives some back, may.
    pub(super) fn source(self) -> String {
        let text = match self {
            Self::Post => return include_str!("lua/post.lua").into(),
            Self::Trim => return include_str!("lua/trim.lua").into(),
            Self::Join => include_str!("lua/join.lua"),
            Self::Resume => include_str!("lua/resume.lua"),
            Self::Leave => include_str!("lua/leave.lua"),
            Self::Detach => include_str!("lua/detach.lua"),
            Self::Broadcast => include_str!("lua/broadcast.lua"),
            Self::Info => include_str!("lua/info.lua"),
            Self::Sync => include_str!("lua/sync.lua"),
            Self::Ack => include_str!("lua/ack.lua"),
            Self::Restore => include_str!("lua/restore.lua"),
            Self::Audit => include_str!("lua/audit.lua"),
            Self::Beat => include_str!("lua/beat.lua"),
            Self::Reap => include_str!("lua/reap.lua"),
            Self::Expire => include_str!("lua/expire.lua"),
            Self::Retire => include_str!("lua/retire.lua"),
        };
        let (flags, body) = text.split_once('\n').expect("a line of flags");
        [flags, include_str!("lua/prelude.lua"), body].join("\n")
    }

    /// The beginning of its call, before its arguments.
    pub(super) fn call(self, key: &str) -> [&str; 4] {
        ["EVALSHA", self.hash(), "1", key]
    }

    /// The name by which Redis knows it once it is loaded: 40 hexadecimal digits.
    fn hash(self) -> &'static str {
        static HASHES: LazyLock<[Source; Script::ALL.len()]> =
            LazyLock::new(|| Script::ALL.map(|script| Source::new(&script.source())));
        HASHES[self as usize].get_hash()
    }
}
