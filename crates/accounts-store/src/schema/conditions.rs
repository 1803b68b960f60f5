//! Conditions of partial indexes, in the text of a query. SQLite would prepare a statement anew for each value of a parameter
//! that it compares with the condition of an index; and a piece of plain SQL would keep the library from keeping the
//! statement, so that it would be prepared anew each time.

use diesel::postfix_operator;

// A transfer or an invitation that waits: its column of states.
postfix_operator!(IsPending, " = 'pending'");
// A request to join that waits: its column of states.
postfix_operator!(IsWaiting, " = 'waiting'");
