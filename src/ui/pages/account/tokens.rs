//! The user's own API tokens: the list, the form of a new one, and the new one itself, once.

use leptos::{prelude::*, server_fn::ServerFn};

use crate::{
    domain::{
        permission::{Permission, Permissions},
        time::Timestamp,
    },
    rpc::account::{CreateToken, RevokeToken},
    ui::widgets::{
        choice::{Checks, Choice},
        copy::CopyButton,
        datetime::DateTime,
        field::TextField,
        form_token::FormToken,
        table::DataTable,
    },
    view::{
        account::{NewToken, TokenForm, TokenRow},
        words::{account as words, hooks::sentence_case},
    },
};

/// The token that was just created.
#[component]
pub fn CreatedToken(token: NewToken) -> impl IntoView {
    view! {
        <section class="card secrets" id="new-token" tabindex="-1"
            aria-labelledby="new-token-title">
            <h2 id="new-token-title">"Token " {token.new_token_name} " created"</h2>
            <p>"Copy it now. It can't be shown again."</p>
            <p><code id="new-token-secret">{token.secret}</code> " "
                <CopyButton from="new-token-secret".to_owned() label="Copy token".to_owned()/></p>
        </section>
    }
}

#[component]
pub fn Tokens(
    rows: Vec<TokenRow>,
    form: TokenForm,
    permissions: Permissions,
    now: Timestamp,
) -> impl IntoView {
    let is_empty = rows.is_empty();
    let rows = rows.into_iter().map(|row| view! { <Row row now/> }).collect_view();
    let may_create = permissions.iter().next().is_some();
    view! {
        <section class="card" aria-labelledby="tokens-title">
            <h2 id="tokens-title">"API tokens"</h2>
            <p class="hint">"Programs use the API with a token. Your tokens never allow more than \
                you may do, and stop when your account is suspended."</p>
            <div id="live-tokens" data-live="">{(!is_empty).then(|| view! {
                <DataTable label="Your API tokens" columns=&["Name", "Permissions", "Expires",
                    "Last used", "Actions"]>{rows}</DataTable>
            })}</div>
            {may_create.then(|| view! { <NewTokenForm form permissions/> })}
        </section>
    }
}

#[component]
fn Row(row: TokenRow, now: Timestamp) -> impl IntoView {
    let TokenRow { id, name, prefix, permissions, expires_at, last_used_at } = row;
    let label = format!("Revoke token {name}");
    let expires = expires_at.map(|at| {
        let word = if at <= now { "Expired " } else { "" };
        view! { {word} <DateTime at now/> }
    });
    let used = match last_used_at {
        Some(at) => view! { <DateTime at now/> }.into_any(),
        None => "Never".into_any(),
    };
    view! {
        <tr>
            <th scope="row" class="named">{name} <p class="small"><code>{prefix} "…"</code></p></th>
            <td data-label="Permissions" class="named">{permissions.text().replace(' ', ", ")}</td>
            <td data-label="Expires">{expires}</td>
            <td data-label="Last used">{used}</td>
            <td data-label="Actions">
                <form method="post" action=RevokeToken::url()>
                    <input type="hidden" name="id" value=id/>
                    <button type="submit" aria-label=label>"Revoke"</button>
                </form>
            </td>
        </tr>
    }
}

#[component]
fn NewTokenForm(form: TokenForm, permissions: Permissions) -> impl IntoView {
    let TokenForm { token_name, chosen, days, token_errors } = form;
    let error = |name: &str| token_errors.message(name).map(str::to_owned);
    let option = |permission: Permission| (permission.key(), sentence_case(permission.words()));
    let days = if days.is_empty() { "30".to_owned() } else { days };
    view! {
        <details open=!token_errors.is_empty()>
            <summary>"New token"</summary>
            <form class="stack" method="post" action=CreateToken::url()>
                <FormToken/>
                <TextField name="token_name" label="Token name" value=token_name
                    hint="The program that will use it." errors=token_errors.clone()/>
                <Checks name="permission" legend="Permissions" path="permissions[]"
                    options=permissions.iter().map(option).collect() chosen
                    error=error("permission")/>
                <Choice name="days" legend="Expires after" options=words::LIFETIME_OPTIONS.to_vec()
                    chosen=days error=error("days")/>
                <div><button class="primary" type="submit">"Create token"</button></div>
            </form>
        </details>
    }
}
