//! One test, two databases.

/// Makes of each `fn name(app) { … }` a module `name` with the tests `sqlite` and `postgres`. Each
/// starts an application of its own; `app` is a `&App`. A first line `Setup::preset("hosting");`,
/// or any other expression of the type `Setup`, says how it is configured.
#[macro_export]
macro_rules! on_both {
    ( $( $(#[$attribute:meta])* fn $name:ident ( $app:ident ) $body:block )+ ) => {
        $crate::on_both! {
            $crate::Setup::standard();
            $( $(#[$attribute])* fn $name($app) $body )+
        }
    };
    ( $setup:expr; $( $(#[$attribute:meta])* fn $name:ident ( $app:ident ) $body:block )+ ) => {
        $(
            $(#[$attribute])*
            #[cfg(test)]
            mod $name {
                #[allow(
                    unused_imports,
                    clippy::allow_attributes,
                    reason = "a body may need nothing but its application"
                )]
                use super::*;

                fn proof($app: &$crate::App) $body

                #[test]
                fn sqlite() {
                    proof(&$setup.start($crate::Db::Sqlite));
                }

                #[test]
                fn postgres() {
                    proof(&$setup.start($crate::Db::Postgres));
                }
            }
        )+
    };
}
