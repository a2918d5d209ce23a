//! Each script says on top what it takes, what it answers and what it costs.

use super::partition::SCRIPTS;
use std::fs;

const FOLDER: &str = "src/exchange/redis/lua";

#[test]
fn each_script_says_what_it_takes_answers_and_costs() {
    for name in SCRIPTS {
        let text = fs::read_to_string(format!("{FOLDER}/{name}.lua")).expect(name);
        let (flags, text) = text.split_once('\n').expect("a line of flags");
        assert!(["#!lua", "#!lua flags=allow-oom"].contains(&flags), "{name}.lua begins with {flags}");
        let header: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("-- ")).collect();
        for word in ["KEYS[1] ", "ARGV    ", "Answer  ", "Cost    "] {
            let says = |line: &&str| line.strip_prefix(word).is_some_and(|rest| !rest.trim().is_empty());
            assert!(header.iter().any(says), "{name}.lua doesn't say: {word}");
        }
        assert!(header[0].ends_with('.'), "{name}.lua doesn't begin with a sentence");
    }
}

#[test]
fn each_script_is_one_that_is_tested_here() {
    let files = fs::read_dir(FOLDER).expect("the scripts");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let mut scripts: Vec<String> = names.filter(|name| name != "prelude.lua").collect();
    scripts.sort();
    assert_eq!(scripts, SCRIPTS.map(|name| format!("{name}.lua")));
}
