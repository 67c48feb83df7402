//! The house rules of STYLE.md and ARCHITECTURE.md §2 as code.
//!
//! Each rule is a function from the repository's files to complaints; [`run`] prints them all. A complaint
//! begins with the path it is about and says what to do.

use std::path::Path;

use anyhow::Result;

use crate::ratchet::Ratchet;
use crate::repo::{self, Source};

mod idents;
mod layers;
mod lengths;
mod names;
mod words;

/// Checks every rule and prints the complaints; `bless` tightens the ratchet first. True if there are none.
pub(crate) fn run(root: &Path, bless: bool) -> Result<bool> {
    let complaints = complaints(root, bless)?;
    for complaint in &complaints {
        println!("tidy: {complaint}");
    }
    println!("tidy: {} complaints", complaints.len());
    Ok(complaints.is_empty())
}

fn complaints(root: &Path, bless: bool) -> Result<Vec<String>> {
    let sources = repo::sources(root)?;
    let rust = parse(&sources);
    let mut complaints = Vec::new();

    complaints.extend(layers::check(root)?);
    complaints.extend(names::check(&sources));
    complaints.extend(words::check(&sources));
    for (source, syntax) in &rust {
        match syntax {
            Ok(syntax) => complaints.extend(idents::check(source, syntax)),
            Err(error) => complaints.push(format!("{}: does not parse: {error}", source.path)),
        }
    }

    let offences: Vec<_> = rust
        .iter()
        .filter_map(|(source, syntax)| Some(lengths::measure(source, syntax.as_ref().ok()?)))
        .flatten()
        .collect();
    let mut ratchet = Ratchet::load(root)?;
    if bless {
        ratchet.tighten(&offences);
        ratchet.save(root)?;
    }
    complaints.extend(ratchet.judge(&offences));
    Ok(complaints)
}

fn parse(sources: &[Source]) -> Vec<(&Source, syn::Result<syn::File>)> {
    sources.iter().filter(|s| s.is_rust()).map(|s| (s, syn::parse_file(&s.text))).collect()
}

/// Whether an item carries `#[cfg(test)]`.
fn is_cfg_test(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| {
        attr.path().is_ident("cfg")
            && attr.meta.require_list().is_ok_and(|list| list.tokens.to_string().contains("test"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules hold for this very repository: tidy is a test, not a script of the CI.
    #[test]
    fn the_repository_is_tidy() {
        let complaints = complaints(&repo::root(), false).expect("the repository is readable");
        assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    }
}
