//! `/proc/PID/mountinfo` and `/proc/PID/cgroup`, as far as we need them.

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// What of the file system is shown.
    pub(crate) root: String,
    /// Where.
    pub(crate) at: String,
    /// Kind of file system.
    pub(crate) kind: String,
    /// Whether this mount or the whole file system is read-only.
    pub(crate) read_only: bool,
    /// Options of the file system; on cgroup v1 the controllers are among them.
    options: Vec<String>,
}

impl Mount {
    /// All mounts in their order; lines that are not as the kernel writes them are left out.
    pub(crate) fn all(text: &str) -> Vec<Self> {
        text.lines().filter_map(Self::line).collect()
    }

    fn line(line: &str) -> Option<Self> {
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, at, flags) = (mount.next()?, mount.next()?, mount.next()?);
        let mut system = system.split(' ');
        let (kind, _source, options) = (system.next()?, system.next()?, system.next()?);
        let options: Vec<String> = options.split(',').map(str::to_owned).collect();
        Some(Self {
            root: unescaped(root),
            at: unescaped(at),
            kind: kind.to_owned(),
            read_only: flags.split(',').any(|flag| flag == "ro") || options.iter().any(|flag| flag == "ro"),
            options,
        })
    }

    /// Which of the cgroups of a process, as `/proc/PID/cgroup` lists them, lies in the hierarchy that is mounted here.
    pub(crate) fn cgroup<'a>(&self, cgroups: &'a str) -> Option<&'a str> {
        let belongs = |controllers: &str| match self.kind.as_str() {
            "cgroup2" => controllers.is_empty(),
            "cgroup" => {
                let mut names = controllers.split(',');
                names.any(|name| self.options.iter().any(|option| option == name))
            }
            _ => false,
        };
        let mut lines = cgroups.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.split_once(':')
        });
        lines
            .find(|(controllers, _)| belongs(controllers))
            .map(|(_, path)| path)
    }
}

/// The kernel writes these characters as octal numbers.
fn unescaped(text: &str) -> String {
    text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CGROUPS: &str = "9:name=systemd:/s\n5:cpu,cpuacct:/c\n4:memory:/m/a:b\n0::/u\n";

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let text = "221 219 0:29 /kubepods.slice/a\\040b /sys/fs/cgroup ro,nosuid,relatime shared:3 - cgroup2 cgroup \
                    rw,nsdelegate\nnonsense\n36 35 98:0 /null /proc/kcore rw - tmpfs tmpfs ro,size=64k\n";
        let found = Mount::all(text);
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            Mount {
                root: "/kubepods.slice/a b".into(),
                at: "/sys/fs/cgroup".into(),
                kind: "cgroup2".into(),
                read_only: true,
                options: vec!["rw".into(), "nsdelegate".into()],
            }
        );
        assert!(found[1].read_only);
    }

    #[test]
    fn the_cgroup_of_a_hierarchy_is_found_by_its_controllers() {
        let of = |kind: &str, options: &str| {
            let line = format!("1 0 0:1 / /x rw - {kind} cgroup {options}");
            Mount::all(&line)[0].cgroup(CGROUPS).map(str::to_owned)
        };
        assert_eq!(of("cgroup", "rw,memory").as_deref(), Some("/m/a:b"));
        assert_eq!(of("cgroup", "rw,cpuacct,cpu").as_deref(), Some("/c"));
        assert_eq!(of("cgroup", "rw,xattr,name=systemd").as_deref(), Some("/s"));
        assert_eq!(of("cgroup", "rw,freezer"), None);
        assert_eq!(of("cgroup2", "rw").as_deref(), Some("/u"));
        assert_eq!(of("proc", "rw"), None);
    }

    #[test]
    fn the_mounts_of_this_process_can_be_read() {
        let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let found = Mount::all(&text);
        assert_eq!(found.len(), text.lines().count());
        assert!(
            found
                .iter()
                .any(|mount| mount.at == "/proc" && mount.kind == "proc")
        );
    }
}
