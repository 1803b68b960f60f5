//! Which things the path of a request names: the own ones, or any that it must not find.

/// Which things a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids<'a> {
    /// Those of the account, and the caller's own session.
    Own,
    /// All of them of the other account.
    Others,
    /// This one of the other account, or another person's.
    Foreign(&'a str),
    /// This one is gone.
    Deleted(&'a str),
    /// This one was never there.
    Random(&'a str),
    /// This one is the id of another kind of thing, or no name at all.
    WrongKind(&'a str),
}

impl<'a> Ids<'a> {
    /// What a path with these parameters can name.
    pub(super) fn of(parameters: &[&'a str]) -> Vec<Self> {
        let mut all = vec![Self::Own];
        if parameters.contains(&"account") {
            all.push(Self::Others);
        }
        for parameter in parameters {
            match *parameter {
                // The other account with things of this one; without such things it is `Others`.
                "account"
                    if parameters.iter().any(|name| {
                        matches!(
                            *name,
                            "contact" | "user" | "transfer" | "invitation" | "request" | "review" | "notification"
                        )
                    }) =>
                {
                    all.push(Self::Foreign(parameter));
                }
                "transfer" | "address" | "invitation" | "key" | "request" | "review" | "notification" | "webhook" => {
                    all.push(Self::Foreign(parameter));
                }
                "contact" | "user" | "session" => all.extend([Self::Foreign(parameter), Self::Deleted(parameter)]),
                _ => {}
            }
            all.extend([Self::Random(parameter), Self::WrongKind(parameter)]);
        }
        all
    }

    /// The parameter that is not the account's own.
    pub(super) fn varied(self) -> Option<&'a str> {
        match self {
            Self::Own | Self::Others => None,
            Self::Foreign(name) | Self::Deleted(name) | Self::Random(name) | Self::WrongKind(name) => Some(name),
        }
    }
}
