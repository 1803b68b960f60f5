//! The paths as a tree of their segments.

use std::collections::HashMap;
use std::rc::Rc;

use actix_web::dev::{Path, ResourceDef, Url};
use actix_web::http::Method;

use super::Endpoint;

/// The operations below one segment, and those that end there.
#[derive(Default)]
pub(super) struct Tree {
    named: HashMap<String, Tree>,
    any: Option<Box<Tree>>,
    leaf: Option<Leaf>,
}

/// A path with its operations.
pub(super) struct Leaf {
    path: Rc<str>,
    pattern: ResourceDef,
    methods: Vec<(Method, Rc<Endpoint>)>,
}

impl Tree {
    /// Adds an operation. Of two for the same method and path the first is served.
    pub(super) fn insert(&mut self, path: &str, method: Method, endpoint: Rc<Endpoint>) {
        let mut tree = self;
        for segment in segments(path) {
            tree = if segment.starts_with('{') {
                tree.any.get_or_insert_default()
            } else {
                tree.named.entry(segment.to_owned()).or_default()
            };
        }
        let leaf = tree.leaf.get_or_insert_with(|| Leaf {
            path: path.into(),
            pattern: ResourceDef::new(path),
            methods: Vec::new(),
        });
        leaf.methods.push((method, endpoint));
    }

    /// The path that a request is for. A name goes before a value: `/sessions/current` before
    /// `/sessions/{session}`.
    pub(super) fn find(&self, path: &str) -> Option<&Leaf> {
        let rest = path.strip_prefix('/')?;
        self.below(Some(rest))
    }

    fn below(&self, rest: Option<&str>) -> Option<&Leaf> {
        let Some(rest) = rest else {
            return self.leaf.as_ref();
        };
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        let named = self.named.get(segment).and_then(|tree| tree.below(rest));
        named.or_else(|| {
            if segment.is_empty() {
                return None;
            }
            self.any.as_ref()?.below(rest)
        })
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

impl Leaf {
    /// The path as the document writes it.
    pub(super) fn path(&self) -> Rc<str> {
        Rc::clone(&self.path)
    }

    /// The operation of a method. HEAD is answered by GET (RFC 9110 section 9.3.2).
    pub(super) fn endpoint(&self, method: &Method) -> Option<Rc<Endpoint>> {
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let found = self.methods.iter().find(|(method, _)| method == wanted);
        found.map(|(_, endpoint)| Rc::clone(endpoint))
    }

    /// The value of `Allow`.
    pub(super) fn allowed(&self) -> String {
        let mut allowed: Vec<&str> = Vec::new();
        for (method, _) in &self.methods {
            allowed.push(method.as_str());
            if method == Method::GET {
                allowed.push("HEAD");
            }
        }
        allowed.join(", ")
    }

    /// Reads the values of the path into the request.
    pub(super) fn read_values(&self, path: &mut Path<Url>) {
        if self.path.contains('{') {
            self.pattern.capture_match_info(path);
        }
    }
}
