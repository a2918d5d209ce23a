//! The scripts, one a file in `lua/`: each changes what one partition holds, atomically.

use crate::exchange::MailboxLimits;
use redis::Script as Source;

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
    Kick,
    Close,
    Announce,
    Rooms,
    Room,
    Socket,
    Reply,
    Connected,
    Hook,
}

impl Script {
    pub(super) const ALL: [Self; 25] = [
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
        Self::Kick,
        Self::Close,
        Self::Announce,
        Self::Rooms,
        Self::Room,
        Self::Socket,
        Self::Reply,
        Self::Connected,
        Self::Hook,
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
            Self::Kick => "kick",
            Self::Close => "close",
            Self::Announce => "announce",
            Self::Rooms => "rooms",
            Self::Room => "room",
            Self::Socket => "socket",
            Self::Reply => "reply",
            Self::Connected => "connected",
            Self::Hook => "hook",
        }
    }

    /// Its file, and whether it needs what scripts share.
    fn text(self) -> (&'static str, bool) {
        match self {
            Self::Post => (include_str!("lua/post.lua"), false),
            Self::Trim => (include_str!("lua/trim.lua"), false),
            Self::Join => (include_str!("lua/join.lua"), true),
            Self::Resume => (include_str!("lua/resume.lua"), true),
            Self::Leave => (include_str!("lua/leave.lua"), true),
            Self::Detach => (include_str!("lua/detach.lua"), true),
            Self::Broadcast => (include_str!("lua/broadcast.lua"), true),
            Self::Info => (include_str!("lua/info.lua"), true),
            Self::Sync => (include_str!("lua/sync.lua"), true),
            Self::Ack => (include_str!("lua/ack.lua"), true),
            Self::Restore => (include_str!("lua/restore.lua"), true),
            Self::Audit => (include_str!("lua/audit.lua"), true),
            Self::Beat => (include_str!("lua/beat.lua"), true),
            Self::Reap => (include_str!("lua/reap.lua"), true),
            Self::Expire => (include_str!("lua/expire.lua"), true),
            Self::Retire => (include_str!("lua/retire.lua"), true),
            Self::Kick => (include_str!("lua/kick.lua"), true),
            Self::Close => (include_str!("lua/close.lua"), true),
            Self::Announce => (include_str!("lua/announce.lua"), true),
            Self::Rooms => (include_str!("lua/rooms.lua"), true),
            Self::Room => (include_str!("lua/room.lua"), true),
            Self::Socket => (include_str!("lua/socket.lua"), true),
            Self::Reply => (include_str!("lua/reply.lua"), true),
            Self::Connected => (include_str!("lua/connected.lua"), true),
            Self::Hook => (include_str!("lua/hook.lua"), true),
        }
    }
}

/// What the scripts go by, as the node's settings have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants {
    /// What a mailbox holds at most.
    pub(super) mailbox: MailboxLimits,
    /// What a partition's stream of events keeps, roughly; 0 where nobody wants any.
    pub(super) events: usize,
}

impl Constants {
    /// The line that is put before each script.
    fn line(&self) -> String {
        let Self { mailbox: MailboxLimits { messages, bytes }, events } = self;
        format!("local MAILBOX_MESSAGES, MAILBOX_BYTES, EVENTS = {messages}, {bytes}, {events}")
    }
}

#[cfg(test)]
impl Constants {
    pub(super) fn of_tests() -> Self {
        Self { mailbox: MailboxLimits::default(), events: 0 }
    }
}

/// The scripts, as this node has Redis run them.
#[derive(Debug)]
pub(super) struct Scripts([Source; Script::ALL.len()], [String; Script::ALL.len()]);

impl Scripts {
    pub(super) fn new(constants: &Constants) -> Self {
        let texts = Script::ALL.map(|script| {
            let (text, shares) = script.text();
            let (flags, body) = text.split_once('\n').expect("a line of flags");
            let shared = if shares { include_str!("lua/prelude.lua") } else { "" };
            [flags, &constants.line(), shared, body].join("\n")
        });
        Self(texts.each_ref().map(|text| Source::new(text)), texts)
    }

    /// What Redis is given to load: the script's first line, which says whether it may run when Redis is full (what takes no
    /// memory, or gives some back, may), the constants, what scripts share, and the script.
    pub(super) fn source(&self, script: Script) -> &str {
        &self.1[script as usize]
    }

    /// The beginning of its call, before its arguments.
    pub(super) fn call<'a>(&'a self, script: Script, key: &'a str) -> [&'a str; 4] {
        // The name by which Redis knows it once it is loaded: 40 hexadecimal digits.
        ["EVALSHA", self.0[script as usize].get_hash(), "1", key]
    }

    /// For the redis crate.
    pub(super) fn get(&self, script: Script) -> &Source {
        &self.0[script as usize]
    }
}
