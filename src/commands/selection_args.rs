//! Flags that choose several releases.

use crate::model::label_selector::LabelSelector;
use crate::usecase::many::ReleaseSelection;
use clap::Args as ClapArgs;

/// Which releases, where it is not one that is named.
#[derive(ClapArgs, Clone, Debug, Default)]
#[command(next_help_heading = "Releases")]
pub struct SelectionArgs {
    /// All releases of the namespace
    #[arg(long)]
    all: bool,
    /// The releases of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only releases whose inventory (ConfigMap delivery-NAME) has these labels, such as team=shop
    #[arg(short = 'l', long, value_name = "LABELS", value_parser = LabelSelector::parse)]
    selector: Option<LabelSelector>,
}

impl SelectionArgs {
    /// What is chosen; none where nothing is.
    pub fn selection(&self) -> Option<ReleaseSelection> {
        let is_given = self.all || self.all_namespaces || self.selector.is_some();
        is_given.then(|| ReleaseSelection {
            all_namespaces: self.all_namespaces,
            labels: self.selector.clone().unwrap_or_default(),
        })
    }

    /// The flags, to be typed again; `namespace` is the one that they are of.
    pub fn as_given(&self, namespace: &str) -> String {
        let place = match (self.all_namespaces, self.all) {
            (true, _) => "-A".to_owned(),
            (false, true) => format!("--all -n {namespace}"),
            (false, false) => format!("-n {namespace}"),
        };
        let labels = self.selector.as_ref();
        let labels = labels.map(|labels| format!(" -l '{labels}'"));
        place + &labels.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        selection: SelectionArgs,
    }

    #[test]
    fn labels_alone_choose_among_the_releases_of_the_namespace() {
        let selection = |words: &[&str]| {
            let line = ["x"].iter().chain(words).copied();
            Line::parse_from(line).selection.selection()
        };
        assert!(selection(&[]).is_none());
        assert!(!selection(&["-l", "team=shop"]).unwrap().all_namespaces);
        assert!(selection(&["-A"]).unwrap().all_namespaces);
        assert!(selection(&["--all"]).unwrap().labels.is_empty());
    }
}
