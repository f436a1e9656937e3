//! The form with which users change their own password.

use leptos::{prelude::*, server_fn::ServerFn};

use crate::{
    domain::invalid::Invalid, rpc::account::ChangePassword, ui::widgets::field::TextField,
};

#[component]
pub fn Password(email: String, errors: Invalid) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="password-title">
            <h2 id="password-title">"Password"</h2>
            <form class="stack" method="post" action=ChangePassword::url()>
                // Password managers need to know whose password it is.
                <input type="text" name="username" autocomplete="username" value=email hidden/>
                <TextField name="current_password" label="Current password" kind="password"
                    autocomplete="current-password" errors=errors.clone()/>
                <TextField name="password" label="New password" kind="password"
                    autocomplete="new-password"
                    hint="At least 12 characters. Tip: use several unrelated words." errors/>
                <p class="hint">"Changing it ends all your other sessions. Your API \
                    tokens stay valid: revoke those you don't need."</p>
                <div><button class="primary" type="submit">"Change password"</button></div>
            </form>
        </section>
    }
}
