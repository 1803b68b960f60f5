//! Article 004, its related articles: departments with their people and their managers, as a provider's own catalog has them.
//!
//! What the rule says stands in `docs/rules.md`. A department is a category that mail is addressed to and the role that
//! routes it; who holds the role belongs to the department, and its primary holder manages it.

use accounts_tests::given::{self, Contact, Person};
use accounts_tests::{Setup, json, on_both};

/// A provider whose customers have a sales and a service department.
const DEPARTMENTS: &str = r#"
name = "departments"
policy = { contact_limit = 50, contact_login = "on_request" }
roles = [
    { key = "sales", names = { en = "Sales", fr = "Ventes" }, holders = "many", vacancy = "owner", categories = ["sales"] },
    { key = "service", names = { en = "Service", fr = "Service" }, holders = "many", vacancy = "owner", categories = ["service"] },
]
applications = [
    { key = "sales_desk", names = { en = "Sales desk", fr = "Bureau des ventes" }, opens_for = [{ primary_holders = ["sales"] }] },
]
categories = [
    { key = "sales", names = { en = "Sales", fr = "Ventes" }, audience = ["role_holders"], fallback = "owner" },
    { key = "service", names = { en = "Service", fr = "Service" }, audience = ["role_holders"], fallback = "owner" },
]
"#;

/// To whom a ticket to a department is addressed, and who gets a copy.
#[track_caller]
fn told(ana: &Person<'_>, department: &str) -> (Vec<String>, Vec<String>) {
    let answer = ana
        .get(ana.at(&format!("/recipients?category={department}")))
        .expect(200);
    (
        answer.each("data/0/to", "display_name"),
        answer.each("data/0/cc", "display_name"),
    )
}

/// Who belongs to a department, its manager first.
#[track_caller]
fn department(ana: &Person<'_>, department: &str) -> (String, Vec<String>) {
    let role = ana.get(ana.at(&format!("/roles/{department}"))).expect(200);
    let mut people = role.each("holders", "display_name");
    people.sort();
    (role.text("primary/display_name"), people)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Somebody with a log-in who belongs to these departments.
fn works<'a>(
    app: &'a accounts_tests::App,
    ana: &Person<'a>,
    name: &str,
    departments: &[&str],
) -> (Contact, Person<'a>) {
    let address = format!("{}@example.com", name.to_lowercase());
    let contact = ana.adds(json!({ "display_name": name, "address": address, "roles": departments, "login": {} }));
    ana.verifies(&contact);
    (contact, given::logged_in(app, &address))
}

on_both! {
    Setup::catalog(DEPARTMENTS);

    fn o_13_users_belong_to_departments_and_each_department_has_one_manager(app) {
        let ana = given::owner(app, "ana@example.com");
        let (bea, bea_herself) = works(app, &ana, "Bea", &["sales", "service"]);
        let (cem, cem_himself) = works(app, &ana, "Cem", &["sales"]);
        // Somebody may belong to several departments, and each has one manager: at first the owner.
        assert_eq!(department(&ana, "sales"), ("Ana".to_owned(), names(&["Ana", "Bea", "Cem"])));
        assert_eq!(department(&ana, "service"), ("Ana".to_owned(), names(&["Ana", "Bea"])));

        ana.promotes(&bea, &["sales"]).expect(200);
        assert_eq!(department(&ana, "sales").0, "Bea");
        assert_eq!(department(&ana, "service").0, "Ana");
        // What is addressed to a department goes to its manager, with a copy to its people, and to no other department.
        assert_eq!(told(&ana, "sales"), (names(&["Bea"]), names(&["Ana", "Cem"])));
        assert_eq!(told(&ana, "service"), (names(&["Ana"]), names(&["Bea"])));
        assert_eq!(bea_herself.applications(), ["sales_desk"]);
        assert_eq!(cem_himself.applications(), names(&[]));

        // Another manager takes the former one's place, who stays in the department.
        ana.promotes(&cem, &["sales"]).expect(200);
        assert_eq!(department(&ana, "sales"), ("Cem".to_owned(), names(&["Ana", "Bea", "Cem"])));
        assert_eq!(told(&ana, "sales"), (names(&["Cem"]), names(&["Ana", "Bea"])));
        assert_eq!((bea_herself.applications(), cem_himself.applications()), (names(&[]), names(&["sales_desk"])));

        // A manager does not simply leave, and a department is never without one.
        ana.takes(&cem, "sales").refused(409, "contact-is-primary-holder");
        ana.takes(&bea, "sales").expect(204);
        assert_eq!(department(&ana, "sales"), ("Cem".to_owned(), names(&["Ana", "Cem"])));
        ana.delete(ana.at("/roles/sales/primary")).expect(204);
        assert_eq!(department(&ana, "sales").0, "Ana");
    }
}
