//! The names of the settings.

use std::ffi::OsStr;
use std::fmt;

use crate::cli::Flags;

/// What every variable begins with.
pub const PREFIX: &str = "ACCOUNTS_";

/// One setting: a variable and a flag of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Data,
    DatabaseUrl,
    Listen,
    MetricsListen,
    PublicUrl,
    Catalog,
    Secret,
    SigningKeys,
    SmtpUrl,
    MailFrom,
    MailTemplates,
    MailLogo,
    CorsOrigins,
    TrustedProxies,
    Log,
    LogFormat,
    Workers,
    KeepAuditDays,
    KeepMailDays,
    KeepDeliveryDays,
    KeepAnswerHours,
}

impl Setting {
    /// All of them, in the order of the help text.
    pub const ALL: [Self; 21] = [
        Self::Data,
        Self::DatabaseUrl,
        Self::Listen,
        Self::MetricsListen,
        Self::PublicUrl,
        Self::Catalog,
        Self::Secret,
        Self::SigningKeys,
        Self::SmtpUrl,
        Self::MailFrom,
        Self::MailTemplates,
        Self::MailLogo,
        Self::CorsOrigins,
        Self::TrustedProxies,
        Self::Log,
        Self::LogFormat,
        Self::Workers,
        Self::KeepAuditDays,
        Self::KeepMailDays,
        Self::KeepDeliveryDays,
        Self::KeepAnswerHours,
    ];

    /// The name that variable and flag are made of.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::DatabaseUrl => "database-url",
            Self::Listen => "listen",
            Self::MetricsListen => "metrics-listen",
            Self::PublicUrl => "public-url",
            Self::Catalog => "catalog",
            Self::Secret => "secret",
            Self::SigningKeys => "signing-keys",
            Self::SmtpUrl => "smtp-url",
            Self::MailFrom => "mail-from",
            Self::MailTemplates => "mail-templates",
            Self::MailLogo => "mail-logo",
            Self::CorsOrigins => "cors-origins",
            Self::TrustedProxies => "trusted-proxies",
            Self::Log => "log",
            Self::LogFormat => "log-format",
            Self::Workers => "workers",
            Self::KeepAuditDays => "keep-audit-days",
            Self::KeepMailDays => "keep-mail-days",
            Self::KeepDeliveryDays => "keep-delivery-days",
            Self::KeepAnswerHours => "keep-answer-hours",
        }
    }

    /// `ACCOUNTS_CORS_ORIGINS`.
    pub fn variable(self) -> String {
        format!("{PREFIX}{}", self.name().replace('-', "_").to_ascii_uppercase())
    }

    /// What was said about it.
    pub fn said(self, flags: &Flags) -> Option<&OsStr> {
        match self {
            Self::Data => &flags.data,
            Self::DatabaseUrl => &flags.database_url,
            Self::Listen => &flags.listen,
            Self::MetricsListen => &flags.metrics_listen,
            Self::PublicUrl => &flags.public_url,
            Self::Catalog => &flags.catalog,
            Self::Secret => &flags.secret,
            Self::SigningKeys => &flags.signing_keys,
            Self::SmtpUrl => &flags.smtp_url,
            Self::MailFrom => &flags.mail_from,
            Self::MailTemplates => &flags.mail_templates,
            Self::MailLogo => &flags.mail_logo,
            Self::CorsOrigins => &flags.cors_origins,
            Self::TrustedProxies => &flags.trusted_proxies,
            Self::Log => &flags.log,
            Self::LogFormat => &flags.log_format,
            Self::Workers => &flags.workers,
            Self::KeepAuditDays => &flags.keep_audit_days,
            Self::KeepMailDays => &flags.keep_mail_days,
            Self::KeepDeliveryDays => &flags.keep_delivery_days,
            Self::KeepAnswerHours => &flags.keep_answer_hours,
        }
        .as_deref()
    }
}

/// Both names: `ACCOUNTS_CORS_ORIGINS (--cors-origins)`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (--{})", self.variable(), self.name())
    }
}
