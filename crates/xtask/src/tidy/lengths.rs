//! Lengths of files and functions, test code apart.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::is_cfg_test;
use crate::ratchet::{Measure, Offence};
use crate::repo::Source;

/// Longest file, test modules not counted.
const FILE_LINES_MAX: usize = 400;
/// Longest function, from its `fn` line to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Longest test file, and most lines of test modules in one file.
const TEST_LINES_MAX: usize = 1_200;

/// What is over the limit in one file.
pub(super) fn measure(source: &Source, syntax: &syn::File) -> Vec<Offence> {
    let total = source.text.lines().count();
    let mut lengths =
        Lengths { path: &source.path, test_lines: 0, context: Vec::new(), offences: Vec::new() };
    if source.is_test() {
        lengths.test_lines = total;
    } else {
        lengths.visit_file(syntax);
    }
    let Lengths { test_lines, mut offences, .. } = lengths;
    let mut file = |key: String, lines, limit| {
        if lines > limit {
            offences.push(Offence { measure: Measure::File, key, lines, limit });
        }
    };
    file(source.path.clone(), total - test_lines, FILE_LINES_MAX);
    file(format!("{} (tests)", source.path), test_lines, TEST_LINES_MAX);
    offences
}

struct Lengths<'a> {
    path: &'a str,
    test_lines: usize,
    /// The type or trait and the functions around the one being measured.
    context: Vec<String>,
    offences: Vec<Offence>,
}

impl Lengths<'_> {
    fn function(&mut self, sig: &syn::Signature, block: &syn::Block, inside: impl FnOnce(&mut Self)) {
        self.context.push(sig.ident.to_string());
        let lines = lines(sig.fn_token.span, block.brace_token.span.close());
        if lines > FUNCTION_LINES_MAX {
            let key = format!("{}::{}", self.path, self.context.join("::"));
            let (measure, limit) = (Measure::Function, FUNCTION_LINES_MAX);
            self.offences.push(Offence { measure, key, lines, limit });
        }
        inside(self);
        self.context.pop();
    }
}

impl<'ast> Visit<'ast> for Lengths<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_cfg_test(&item.attrs) {
            self.test_lines += lines(item.span(), item.span());
        } else {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
            _ => None,
        };
        self.context.push(name.unwrap_or_default());
        visit::visit_item_impl(self, item);
        self.context.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_cfg_test(&item.attrs) {
            self.function(&item.sig, &item.block, |this| visit::visit_item_fn(this, item));
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block, |this| visit::visit_impl_item_fn(this, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block, |this| visit::visit_trait_item_fn(this, item));
        }
    }
}

fn lines(first: Span, last: Span) -> usize {
    last.end().line + 1 - first.start().line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> Vec<String> {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        let syntax = syn::parse_file(text).expect("valid source");
        measure(&source, &syntax).iter().map(|o| format!("{} {}", o.key, o.lines)).collect()
    }

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        assert!(check("a.rs", &function("ok", 70)).is_empty());
        assert_eq!(check("a.rs", &function("long", 71)), ["a.rs::long 71"]);
        let method = format!("/// Doc.\nimpl Core {{\n{}}}\n", function("long", 80));
        assert_eq!(check("a.rs", &method), ["a.rs::Core::long 80"]);
    }

    #[test]
    fn files_are_measured_without_their_tests() {
        let code = "const A: u8 = 1;\n".repeat(400);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function("t", 100));
        assert!(check("a.rs", &format!("{code}{tests}")).is_empty());
        assert_eq!(check("a.rs", &format!("{code}\n{tests}")), ["a.rs 401"]);
        assert!(check("a/tests.rs", &code.repeat(3)).is_empty());
        assert_eq!(check("a/tests.rs", &code.repeat(4)), ["a/tests.rs (tests) 1600"]);
    }
}
