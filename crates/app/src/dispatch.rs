//! From an operation of the contract to its use case.

use posthouse_contract::Operation;
use posthouse_model::{ApiError, Caller};

use crate::{App, CallInput, Reply};

/// Makes both methods from one table, so that what is offered is what is carried out.
macro_rules! use_cases {
    ($this:ident, $caller:ident, $input:ident, { $($($id:literal)|+ => $answer:expr,)+ }) => {
        impl App {
            /// Carries out an operation, whether or not it was asked for before.
            pub(crate) async fn carry_out(
                &$this,
                operation: &'static Operation,
                $caller: &Caller,
                input: CallInput,
            ) -> Result<Reply, ApiError> {
                let $input = &input;
                match operation.canonical_id() {
                    $($($id)|+ => $answer,)+
                    id => Err(ApiError::not_implemented(id)),
                }
            }

            /// Whether this version carries an operation out; others are answered 501.
            #[must_use]
            pub fn offers(operation: &Operation) -> bool {
                matches!(operation.canonical_id(), $($($id)|+)|+)
            }
        }
    };
}

use_cases!(self, caller, input, {
            "postV1Tokens" => self.create_token(caller, input).await,
            "getV1Tokens" => self.list_tokens(caller, input).await,
            "getV1TokensToken" => self.get_token(input).await,
            "deleteV1TokensToken" => self.delete_token(input).await,
            "getV1TokensTokenLog" => self.token_log(input).await,

            "getV1Settings" => self.get_settings(input),
            "postV1Settings" => self.set_settings(input).await,
            "getV1SettingsQueueQueue" => self.get_queue(input).await,
            "putV1SettingsQueueQueue" => self.set_queue(input).await,

            "postV1Account" => self.register_account(input).await,
            "getV1AccountAccount" => self.get_account(caller, input).await,
            "putV1AccountAccount" => self.update_account(input).await,
            "deleteV1AccountAccount" => self.delete_account(input).await,
            "getV1Accounts" => self.list_accounts(input).await,
            "postV1Verifyaccount" => self.verify_account(input).await,
            "getV1Autoconfig" => self.get_autoconfig(input).await,
            "postV1AuthenticationForm" => self.make_form_link(input),
            "putV1AccountAccountReconnect" => self.reconnect_account(caller, input).await,
            "putV1AccountAccountFlush" => self.flush_account(input).await,
            "getV1LogsAccount" => self.get_log(input).await,
            "putV1AccountAccountSync" => self.sync_account(caller, input).await,
            "getV1AccountAccountServersignatures" => self.server_signatures(input).await,
            "getV1AccountAccountOauthtoken" => self.oauth_token(input).await,

            "getV1AccountAccountMailboxes" => self.list_mailboxes(caller, input).await,
            "postV1AccountAccountMailbox" => self.create_mailbox(caller, input).await,
            "putV1AccountAccountMailbox" => self.update_mailbox(caller, input).await,
            "deleteV1AccountAccountMailbox" => self.delete_mailbox(caller, input).await,
            "postV1AccountAccountSearch" => self.search_messages(caller, input).await,
            "putV1AccountAccountMessages" => self.update_messages(caller, input).await,
            "putV1AccountAccountMessagesMove" => self.move_messages(caller, input).await,
            "putV1AccountAccountMessagesDelete" => self.delete_messages(caller, input).await,
            "putV1AccountAccountMessageMessageMove" => self.move_message(caller, input).await,
            "deleteV1AccountAccountMessageMessage" => self.delete_message(caller, input).await,
            "postV1AccountAccountMessage" => Box::pin(self.upload_message(caller, input)).await,
            "getV1AccountAccountMessages" => self.list_messages(caller, input).await,
            "getV1AccountAccountMessageMessage" => self.get_message(caller, input).await,
            "putV1AccountAccountMessageMessage" => self.update_message(caller, input).await,
            "getV1AccountAccountTextText" => self.get_text(caller, input).await,
            "getV1AccountAccountMessageMessageSource" => self.get_source(caller, input).await,
            "getV1AccountAccountAttachmentAttachment" => self.get_attachment(caller, input).await,

            "postV1AccountAccountSubmit" => Box::pin(self.submit(caller, input)).await,
            "postV1AccountAccountMessageMessageSubmit" => Box::pin(self.submit_draft(caller, input)).await,
            "getV1Outbox" => self.list_outbox(input).await,
            "getV1OutboxQueueid" => self.get_queued(input).await,
            "deleteV1OutboxQueueid" => self.delete_queued(input).await,
            "postV1OutboxQueueidRetry" => self.retry_queued(input).await,

            "postV1DeliverytestAccountAccount" => self.start_delivery_test(caller, input).await,
            "getV1DeliverytestCheckDeliverytest" => self.check_delivery_test(caller, input).await,

            "getV1Gateways" => self.list_gateways(input).await,
            "postV1Gateway" => self.register_gateway(input).await,
            "getV1GatewayGateway" => self.get_gateway(input).await,
            "putV1GatewayEditGateway" => self.update_gateway(input).await,
            "deleteV1GatewayGateway" => self.delete_gateway(input).await,

            "getV1Templates" => self.list_templates(input).await,
            "postV1TemplatesTemplate" => self.create_template(caller, input).await,
            "getV1TemplatesTemplateTemplate" => self.get_template(caller, input).await,
            "putV1TemplatesTemplateTemplate" => self.update_template(caller, input).await,
            "deleteV1TemplatesTemplateTemplate" => self.delete_template(caller, input).await,
            "deleteV1TemplatesAccountAccount" => self.flush_templates(input).await,

            "getV1Blocklists" => self.list_blocklists(input).await,
            "getV1BlocklistListid" => self.get_blocklist(input).await,
            "postV1BlocklistListid" => self.add_to_blocklist(caller, input).await,
            "deleteV1BlocklistListid" => self.remove_from_blocklist(input).await,

            "getV1Changes" => self.get_changes(caller, input),
            "getV1Events" => self.list_events(input).await,
            "getV1EventsId" => self.get_event(input).await,
            "postV1EventsIdRedeliver" => self.redeliver_event(input).await,
            "postV1EventsReplay" => self.replay_events(input).await,

            "getV1Webhookroutes" => self.list_webhook_routes(input).await,
            "getV1WebhookroutesWebhookrouteWebhookroute" => self.get_webhook_route(input).await,

            "getV1Stats" => self.get_stats(input).await,
            "getV1License" | "postV1License" => self.get_license(),
            "deleteV1License" => self.delete_license(),
});
