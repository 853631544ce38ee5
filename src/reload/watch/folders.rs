//! The folders on the way to a file, links followed.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::OsString,
    fs, path,
    path::{Component, Path, PathBuf},
};

/// Most links that are followed, as the kernel does.
const MOST_LINKS: usize = 40;

/// Every folder that holds a link on the way to the file, and the one that holds the file. Where the
/// way ends too early, the last folder that there is: what is missing will come there.
pub(super) fn on_the_way(file: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let Ok(file) = path::absolute(file) else {
        return folders;
    };
    let (mut at, mut way) = (PathBuf::from("/"), names(&file));
    let mut links = 0;
    while let Some(name) = way.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        match fs::read_link(&next) {
            Ok(target) if links < MOST_LINKS => {
                links += 1;
                folders.insert(at.clone());
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                let mut through = names(&target);
                through.append(&mut way);
                way = through;
            }
            _ if way.is_empty() || fs::symlink_metadata(&next).is_err() => {
                folders.insert(at);
                break;
            }
            _ => at = next,
        }
    }
    folders
}

fn names(path: &Path) -> VecDeque<OsString> {
    let name = |part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    };
    path.components().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn each_folder_that_holds_a_link_or_the_file_is_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(&folder).unwrap();
        fs::create_dir_all(root.join("etc/..1")).unwrap();
        fs::create_dir_all(root.join("opt")).unwrap();
        let on_the_way_to = |file: &str| -> Vec<String> {
            let folders = on_the_way(&root.join(file));
            let below =
                |folder: &PathBuf| folder.strip_prefix(&root).unwrap().display().to_string();
            folders.iter().map(below).collect()
        };
        fs::write(root.join("etc/plain.toml"), "").unwrap();
        assert_eq!(on_the_way_to("etc/plain.toml"), ["etc"]);
        assert_eq!(on_the_way_to("etc/../etc/./plain.toml"), ["etc"]);
        assert_eq!(on_the_way_to("etc/none.toml"), ["etc"]);
        assert_eq!(on_the_way_to("none/none/none.toml"), [""]);

        // As Kubernetes mounts a ConfigMap.
        fs::write(root.join("etc/..1/herald.toml"), "").unwrap();
        symlink("..1", root.join("etc/..data")).unwrap();
        symlink("..data/herald.toml", root.join("etc/herald.toml")).unwrap();
        assert_eq!(on_the_way_to("etc/herald.toml"), ["etc", "etc/..1"]);

        // A folder that is a link itself, and links without an end.
        symlink(root.join("etc"), root.join("opt/current")).unwrap();
        assert_eq!(on_the_way_to("opt/current/plain.toml"), ["etc", "opt"]);
        symlink("loop", root.join("opt/loop")).unwrap();
        assert_eq!(on_the_way_to("opt/loop"), ["opt"]);
    }
}
