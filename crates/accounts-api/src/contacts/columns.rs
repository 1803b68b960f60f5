//! The columns of tables of contacts: what an export writes and an import reads.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    DisplayName,
    Address,
    FirstName,
    LastName,
    Title,
    Language,
    Phones,
    MoreAddresses,
    Roles,
    Subscriptions,
    Login,
    Permissions,
}

impl Column {
    /// Every column, in the order in which they are written.
    pub(super) const ALL: [Self; 12] = [
        Self::DisplayName,
        Self::Address,
        Self::FirstName,
        Self::LastName,
        Self::Title,
        Self::Language,
        Self::Phones,
        Self::MoreAddresses,
        Self::Roles,
        Self::Subscriptions,
        Self::Login,
        Self::Permissions,
    ];

    /// The heading: the field's name in the API.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::DisplayName => "display_name",
            Self::Address => "address",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Title => "title",
            Self::Language => "language",
            Self::Phones => "phones",
            Self::MoreAddresses => "more_addresses",
            Self::Roles => "roles",
            Self::Subscriptions => "subscriptions",
            Self::Login => "login",
            Self::Permissions => "permissions",
        }
    }

    /// The column of that name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }
}
