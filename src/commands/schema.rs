//! `herald schema`: the JSON Schema of the settings.

use std::process::ExitCode;

use herald::settings::json_schema;

use super::print;

pub(crate) const HELP: &str = "\
Example:
  herald schema > herald.schema.json

Editors with the taplo language server (\"Even Better TOML\") complete and check a settings file whose \
first line is

  #:schema ./herald.schema.json";

pub(crate) fn run() -> ExitCode {
    print(format!("{:#}\n", json_schema()).as_bytes())
}
