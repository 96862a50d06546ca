package event

import "slices"

// Type is an entry of the catalogue: one event type.
type Type struct {
	// Name is how events carry it, such as "message.received".
	Name string
	// Description says in one line when such an event happens.
	Description string
	// Aliases are other products' names for it, good for subscribing.
	Aliases []string
	// Field is the upstream field that brings it, by which raw dialects may subscribe; empty where none is promised.
	Field string
	// Emitted is false for what can be subscribed to but is not yet made by this version.
	Emitted bool
	// Derived events are the gateway's own conclusions. Raw dialects do not promise them: they speak only those that came
	// in an envelope of the platform after all, such as a payment that changed an order.
	Derived bool
}

// catalogue is in the order in which the types are listed to people.
var catalogue = [...]Type{
	{Name: MessageReceived, Description: "A customer sent anything: text, media, location, contacts, an interactive reply, an order, a reaction.",
		Aliases: []string{"message.incoming"}, Field: "messages", Emitted: true},
	{Name: MessageEdited, Description: "A message was edited by whoever sent it.", Field: "messages", Emitted: true},
	{Name: MessageDeleted, Description: "A message was deleted for everyone by whoever sent it.", Field: "messages", Emitted: true},
	{Name: MessageSent, Description: "An agent, the system, the API, a broadcast or the phone app sent a message.", Field: "smb_message_echoes", Emitted: true},
	{Name: MessageReport, Description: "The status of a message that was sent: sent, delivered, read, played, or failed with the error.",
		Aliases: []string{"message.status.updated"}, Field: "messages", Emitted: true},
	{Name: AIReplied, Description: "The AI sent a message.", Emitted: true, Derived: true},
	{Name: MediaReady, Description: "The file of a message is kept here, and its link works for as long as files are kept.", Emitted: true, Derived: true},
	{Name: MediaFailed, Description: "The file of a message is not to be had: the platform no longer has it, it is too large, or of a kind that is refused.", Emitted: true, Derived: true},
	{Name: ConversationCreated, Description: "The first message between a customer and a number; comes with it.", Emitted: true, Derived: true},
	{Name: ConversationUpdated, Description: "Status, labels, note or assignee of a conversation changed, or its service window opened again.", Emitted: true, Derived: true},
	{Name: ConversationControl, Description: "Another app or a person took over a conversation, or handed it back.", Field: "messaging_handovers", Emitted: true},
	{Name: ConversationContext, Description: "The platform handed over a summary of the conversation so far.", Field: "messages", Emitted: true},
	{Name: ContactCreated, Description: "A contact is new.", Emitted: true, Derived: true},
	{Name: ContactUpdated, Description: "Name, phone, username or business-scoped user id of a contact changed.", Emitted: true, Derived: true},
	{Name: ContactSynced, Description: "The phone app added a contact to its address book, changed or removed it.", Field: "smb_app_state_sync", Emitted: true},
	{Name: OrderCreated, Description: "A customer sent a cart.", Emitted: true, Derived: true},
	{Name: OrderStatusUpdated, Description: "The status or the payment of an order changed.", Field: "messages", Emitted: true, Derived: true},
	{Name: FormSubmitted, Description: "A customer completed a Flow or an address form; comes with its fields.", Emitted: true, Derived: true},
	{Name: BroadcastProgress, Description: "How far a running broadcast is, every few seconds.", Emitted: true, Derived: true},
	{Name: BroadcastCompleted, Description: "Every recipient of a broadcast reached sent or failed.", Emitted: true, Derived: true},
	{Name: ErrorReported, Description: "The platform reported an error that belongs to no message.", Field: "messages", Emitted: true},
	{Name: TemplateStatusUpdated, Description: "A template was approved, rejected, paused, disabled or deleted.", Field: "message_template_status_update", Emitted: true},
	{Name: TemplateQualityUpdated, Description: "The quality of a template changed.", Field: "message_template_quality_update", Emitted: true},
	{Name: TemplateComponentsUpdated, Description: "The components of a template changed.", Field: "message_template_components_update", Emitted: true},
	{Name: TemplateCategoryUpdated, Description: "The category of a template has changed.", Field: "template_category_update", Emitted: true},
	{Name: TemplateCategoryAnnounced, Description: "The category of a template is going to change in a day.", Field: "template_category_update", Emitted: true},
	{Name: TemplateCategoryDetected, Description: "The platform found a template in the wrong category.", Field: "template_correct_category_detection", Emitted: true},
	{Name: NumberConnected, Description: "A number was connected: messages can be sent from it.", Emitted: true, Derived: true},
	{Name: NumberNameUpdated, Description: "The display name of a number was approved, rejected or deferred.", Field: "phone_number_name_update", Emitted: true},
	{Name: NumberQualityUpdated, Description: "Quality, messaging limit or throughput of a number changed.", Field: "phone_number_quality_update", Emitted: true},
	{Name: NumberUsernameUpdated, Description: "The username of a number was approved, reserved or deleted.", Field: "business_username_updates", Emitted: true},
	{Name: NumberSettingsUpdated, Description: "Settings of a number changed, such as calling.", Field: "account_settings_update", Emitted: true},
	{Name: NumberSecurityUpdated, Description: "The PIN of a number was changed or asked to be reset.", Field: "security", Emitted: true},
	{Name: AccountUpdated, Description: "The account was restricted, banned, connected, disconnected or verified.", Field: "account_update", Emitted: true},
	{Name: AccountReviewed, Description: "The platform reviewed the account.", Field: "account_review_update", Emitted: true},
	{Name: AccountAlerted, Description: "The platform raised an alert about the account or one of its numbers.", Field: "account_alerts", Emitted: true},
	{Name: AccountCapabilityUpdated, Description: "The limits of the account changed.", Field: "business_capability_update", Emitted: true},
	{Name: AccountStatusUpdated, Description: "The status of the business changed.", Field: "business_status_update", Emitted: true},
	{Name: AccountSolutionUpdated, Description: "A partner solution changed.", Field: "partner_solutions", Emitted: true},
	{Name: AccountPaymentUpdated, Description: "A payment configuration of the account changed.", Field: "payment_configuration_update", Emitted: true},
	{Name: FlowStatusUpdated, Description: "A Flow was published, deprecated, blocked or throttled.", Field: "flows", Emitted: true},
	{Name: FlowHealthUpdated, Description: "Error rate, latency or availability of a Flow crossed a threshold.", Field: "flows", Emitted: true},
	{Name: FlowVersionExpires, Description: "The version of a Flow is about to expire.", Field: "flows", Emitted: true},
	{Name: FlowUpdated, Description: "Something else about a Flow changed.", Field: "flows", Emitted: true},
	{Name: UserPreferencesUpdated, Description: "A customer stopped or resumed marketing messages.", Field: "user_preferences", Emitted: true},
	{Name: UserIDUpdated, Description: "The business-scoped user id of a customer changed.", Field: "user_id_update", Emitted: true},
	{Name: UserProfileUpdated, Description: "The profile of a customer changed.", Field: "consumer_profile", Emitted: true},
	{Name: UserActionRecorded, Description: "A customer clicked a link of a marketing message.", Field: "messages", Emitted: true},
	{Name: TrackingRecorded, Description: "The platform recorded a step of a tracked link.", Field: "tracking_events", Emitted: true},
	{Name: ConversionDetected, Description: "The platform found a lead or a purchase in a conversation.", Field: "automatic_events", Emitted: true},
	{Name: CampaignStatusUpdated, Description: "The status of a marketing campaign changed.", Field: "campaign_status_update", Emitted: true},
	{Name: CallConnected, Description: "A call is offered or connected.", Field: "calls", Emitted: true},
	{Name: CallEnded, Description: "A call ended.", Field: "calls", Emitted: true},
	{Name: CallCreated, Description: "A call was created.", Field: "calls", Emitted: true},
	{Name: CallRecorded, Description: "The recording of a call is available.", Field: "calls", Emitted: true},
	{Name: CallTranscribed, Description: "The transcription of a call is available.", Field: "calls", Emitted: true},
	{Name: CallStatusUpdated, Description: "A call of the business rings, was accepted or rejected.", Field: "calls", Emitted: true},
	{Name: CallUpdated, Description: "Something else about a call changed.", Field: "calls", Emitted: true},
	{Name: GroupCreated, Description: "A group was made.", Field: "group_lifecycle_update", Emitted: true},
	{Name: GroupDeleted, Description: "A group was deleted.", Field: "group_lifecycle_update", Emitted: true},
	{Name: GroupParticipantsAdded, Description: "Participants joined a group.", Field: "group_participants_update", Emitted: true},
	{Name: GroupParticipantsRemoved, Description: "Participants left a group.", Field: "group_participants_update", Emitted: true},
	{Name: GroupJoinRequested, Description: "Somebody asked to join a group.", Field: "group_participants_update", Emitted: true},
	{Name: GroupJoinRevoked, Description: "Somebody took back the wish to join a group.", Field: "group_participants_update", Emitted: true},
	{Name: GroupSettingsUpdated, Description: "Subject, description or picture of a group changed.", Field: "group_settings_update", Emitted: true},
	{Name: GroupSuspended, Description: "A group was suspended.", Field: "group_status_update", Emitted: true},
	{Name: GroupUnsuspended, Description: "A group is no longer suspended.", Field: "group_status_update", Emitted: true},
	{Name: GroupFailed, Description: "Something the business wanted of a group could not be done; says why.", Field: "group_settings_update", Emitted: true},
	{Name: GroupUpdated, Description: "Something else about a group changed.", Field: "group_settings_update", Emitted: true},
	{Name: HistoryMessage, Description: "A past message arrived from the phone app.", Field: "history", Emitted: true},
	{Name: HistoryProgress, Description: "A chunk of the past arrived from the phone app.", Field: "history", Emitted: true},
	{Name: HistoryDeclined, Description: "The business does not share its past messages.", Field: "history", Emitted: true},
	{Name: StandbyReceived, Description: "A message or status of a conversation that another app handles; not to be answered.", Field: "standby", Emitted: true},
	{Name: WebhookFailing, Description: "A webhook has done nothing but fail for half, 70 % or 90 % of the time after which it is turned off.", Emitted: true, Derived: true},
	{Name: WebhookDisabled, Description: "A webhook was turned off: it failed for days, its receiver answered 410, or its owner did it.", Emitted: true, Derived: true},
	{Name: WebhookRecovered, Description: "A webhook that failed works again.", Emitted: true, Derived: true},
	{Name: DeliveryExhausted, Description: "A delivery failed for the last time.", Emitted: true, Derived: true},
	{Name: UpstreamSilent, Description: "The platform sent nothing for a number for longer than its own rhythm explains.", Emitted: true, Derived: true},
	{Name: MessageUnreported, Description: "Messages that the platform accepted got no status for too long; once for each number and quarter of an hour.", Emitted: true, Derived: true},
	{Name: UpstreamUnrecognized, Description: "Something this version does not know arrived; comes as it was.", Field: "messages", Emitted: true},
}

// spellings are the fields that the platform's own pages spell in two ways, with the spelling that the catalogue uses.
var spellings = map[string]string{
	"business_username_update": "business_username_updates",
	"group_participant_update": "group_participants_update",
}

// Catalogue lists every type that there is, in the order in which they are shown to people. The list is the caller's to
// keep.
func Catalogue() []Type {
	all := slices.Clone(catalogue[:])
	for i := range all {
		all[i].Aliases = slices.Clone(all[i].Aliases)
	}
	return all
}

// Lookup finds an event type by its name; an alias is none.
func Lookup(typ string) (Type, bool) {
	i := slices.IndexFunc(catalogue[:], func(t Type) bool { return t.Name == typ })
	if i < 0 {
		return Type{}, false
	}
	t := catalogue[i]
	t.Aliases = slices.Clone(t.Aliases)
	return t, true
}
