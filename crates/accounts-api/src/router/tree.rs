//! The paths as a tree of their segments.

use std::collections::HashMap;
use std::rc::Rc;

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
    template: Rc<Template>,
    methods: Vec<(Method, Rc<Endpoint>)>,
}

/// A path as the document writes it.
#[derive(Debug)]
pub(crate) struct Template {
    path: String,
    /// The names of its values, each with the number of its segment.
    values: Vec<(String, usize)>,
}

impl Template {
    pub(crate) fn new(path: &str) -> Self {
        let name = |segment: &str| Some(segment.strip_prefix('{')?.strip_suffix('}')?.to_owned());
        Self {
            path: path.to_owned(),
            values: segments(path)
                .enumerate()
                .filter_map(|(number, segment)| Some((name(segment)?, number)))
                .collect(),
        }
    }

    /// The path with the names of its values in braces.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The segment of `path` that has that name here, as it came: the framework decodes a path before it routes, and
    /// repairs what it cannot.
    pub(crate) fn value<'p>(&self, path: &'p str, name: &str) -> Option<&'p str> {
        let (_, number) = self.values.iter().find(|(known, _)| known == name)?;
        segments(path).nth(*number)
    }
}

/// The path for log and metrics: `/v1/accounts/{account}`. A path that leads nowhere is the caller's text.
pub(crate) fn path_of(template: Option<&Template>) -> &str {
    template.map_or("none", Template::path)
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
            template: Rc::new(Template::new(path)),
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
    pub(super) fn template(&self) -> Rc<Template> {
        Rc::clone(&self.template)
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
}
