//! What clients say: frames of a browser's, of one length each.

/// Whom the frames are for.
pub(crate) const PEER: &str = "11111111111111111111";

/// A `join`.
pub(crate) const JOIN: &str =
    r#"{"eventName":"join","data":{"room":"standup","info":{"name":"Ann"},"token":"a.b.c"}}"#;

/// Lines of a session description, as JSON has them.
const LINES: [&str; 8] = [
    r"v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
    r"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103\r\nc=IN IP4 0.0.0.0\r\n",
    r"a=ice-ufrag:F7gI\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\r\na=setup:actpass\r\n",
    r"a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\na=sendrecv\r\na=rtcp-mux\r\n",
    r"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 nack pli\r\n",
    r"a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 transport-cc\r\na=rtcp-fb:102 ccm fir\r\n",
    r"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n",
    r"a=ssrc:1001 cname:EocUG1f0fcg/yvY7\r\na=ssrc-group:FID 2231627014 632943048\r\n",
];

/// An `offer` of 2.5 kB.
pub(crate) fn offer() -> String {
    let head = format!(
        r#"{{"eventName":"offer","data":{{"socketId":"{PEER}","sdp":{{"type":"offer","sdp":"{}"#,
        LINES[0]
    );
    fill(head, LINES[1..].iter().copied(), r#""}}}"#, 2500)
}

/// An `ice_candidate` of 300 bytes.
pub(crate) fn candidate() -> String {
    let head = format!(
        r#"{{"eventName":"ice_candidate","data":{{"socketId":"{PEER}","sdpMid":"0","sdpMLineIndex":0,"label":0,"usernameFragment":"F7gI","candidate":"candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx"#
    );
    let words = [" raddr 10.0.0.7", " rport 46154", " generation 0", " ufrag F7gI"];
    fill(head, words.into_iter(), r#""}}"#, 300)
}

/// As many whole `parts` as there is room for, over and over, and then letters up to `length`.
fn fill(
    mut text: String,
    parts: impl Iterator<Item = &'static str> + Clone,
    end: &str,
    length: usize,
) -> String {
    let room = length - end.len();
    for part in parts.cycle() {
        if text.len() + part.len() > room {
            break;
        }
        text.push_str(part);
    }
    text.push_str(&"x".repeat(room - text.len()));
    text + end
}
