-- At each start the catalog is compared with what is stored: by the different values of these columns, of which there
-- are few. With an index they are found in as many steps as there are values, however many rows hold them.

CREATE INDEX role_holders_by_guard ON role_holders (role, sole, verified);
CREATE INDEX contact_subscriptions_by_category ON contact_subscriptions (category);
CREATE INDEX contacts_with_login_permissions ON contacts (id) WHERE login_permissions IS NOT NULL;
-- A long list of permissions would not fit into an index everywhere, and is rare.
CREATE INDEX memberships_by_permissions ON memberships (permissions) WHERE length(permissions) <= 1000;
CREATE INDEX memberships_of_many_permissions ON memberships (user_id) WHERE length(permissions) > 1000;
