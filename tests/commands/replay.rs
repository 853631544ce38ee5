//! `herald replay`: from a scripted provider to a file, and from the file to a client.

mod play;
mod record;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use herald::{providers::replay::recording::Recording, testkit::ScriptedProvider};

const KEY: &str = "the-key-of-this-test-0123456789";

/// A folder with settings for one provider, in which `herald` runs; gone with the test.
struct Workplace(PathBuf);

impl Workplace {
    fn new(provider: &ScriptedProvider, more: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("herald-replay-{}", uuid::Uuid::now_v7()));
        fs::create_dir(&dir).unwrap();
        let settings = format!(
            "upstream.proxy = \"none\"\n[[providers]]\nid = \"p\"\nkind = \"openai\"\n\
             base_url = \"{}\"\napi_key = {{ env = \"PROVIDER_KEY\" }}\n{more}\n\
             [[models]]\nid = \"mine\"\ntargets = [{{ provider = \"p\", model = \"theirs\" }}]\n",
            provider.base_url()
        );
        fs::write(dir.join("herald.toml"), settings).unwrap();
        Self(dir)
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_herald"));
        command
            .current_dir(&self.0)
            .env_clear()
            .env("PROVIDER_KEY", KEY);
        command.args(words.split(' '));
        command
    }

    fn run(&self, words: &str) -> Ran {
        Ran::from(self.command(words).output().unwrap())
    }

    fn record(&self, words: &str) -> Ran {
        self.run(format!("--settings herald.toml replay record --model mine {words}").trim_end())
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }

    fn recording(&self, file: &str) -> Recording {
        Recording::parse(file, &self.text(file)).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a process left.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
