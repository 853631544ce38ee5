//! What the program says of itself: help, completion scripts, the schema.

use crate::support::herald;

const COMMANDS: [&str; 14] = [
    "",
    "serve",
    "check",
    "diff",
    "health",
    "schema",
    "completions",
    "conformance",
    "explain",
    "explain headers",
    "explain status",
    "explain route",
    "replay record",
    "replay play",
];

#[test]
fn the_help_of_each_command_fits_a_narrow_terminal() {
    for command in COMMANDS {
        let words: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let run = herald(&words, &[], "");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{command}");
        assert!(run.stdout.contains("Usage: herald"), "{run:#?}");
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
}

#[test]
fn a_completion_script_knows_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let run = herald(&["completions", shell], &[], "");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{shell}");
        for word in COMMANDS.iter().flat_map(|command| command.split(' ')) {
            assert!(run.stdout.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn bash_can_read_its_completion_script_and_completes_with_it() {
    let script = herald(&["completions", "bash"], &[], "").stdout;
    let ask = "COMP_WORDS=(herald replay rec); COMP_CWORD=2; _herald herald rec replay\n\
               echo \"${COMPREPLY[@]}\"\n";
    let bash = std::process::Command::new("bash")
        .args(["--noprofile", "--norc", "-c", &format!("{script}\n{ask}")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(bash.stdout).unwrap(), "record\n");
}

#[test]
fn the_schema_is_one_json_document_that_knows_every_section() {
    let run = herald(&["schema"], &[], "");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let schema: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    for section in [
        "server",
        "clocks",
        "metadata",
        "cors",
        "providers",
        "models",
    ] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
}
