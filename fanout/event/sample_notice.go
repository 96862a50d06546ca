package event

import (
	"encoding/json"

	"wabagate/waba"
)

// noticeRecipes are what the platform's fields beside the messages say.
func noticeRecipes() []recipe {
	var all []recipe
	for _, notices := range [...][]notice{templateNotices[:], numberNotices[:], accountNotices[:], userNotices[:], callNotices[:], groupNotices[:]} {
		for _, n := range notices {
			all = append(all, recipe{n.typ, n.variant, n.fill})
		}
	}
	return append(all, otherRecipes()...)
}

// notice is one thing that a field says, in the platform's own shape.
type notice struct {
	typ, variant string
	about        about
	key          string // the array of the value that it is an element of; empty: it is the whole value
	value        string // with what sample.text replaces
}

// about says whom a notice is about, and so what the event knows besides.
type about int

const (
	account    about = iota // the account, or a part of it such as a template
	number                  // the number; an element comes with its metadata
	someone                 // a customer in conversation with the number
	introduced              // the same, in an element that comes with their contact too
	nobody                  // the number, in an element that comes without metadata
)

func (n notice) fill(s *sample) {
	s.notice(n.value)
	contacts := ""
	switch n.about {
	case account, nobody:
		s.data.Number = nil
	case someone:
		s.talk(9)
	case introduced:
		s.talk(9)
		contacts = sampleContact
	}
	switch value := s.data.Value; {
	case n.key == "":
		s.upstream = waba.Envelope(sampleWABA, s.at.Time, s.data.Field, value)
	case n.about == nobody:
		s.upstream = waba.Envelope(sampleWABA, s.at.Time, s.data.Field, json.RawMessage(`{"`+n.key+`":`+string(list(value))+`}`))
	default:
		s.envelope(s.data.Field, contacts, n.key, list(value))
	}
}

// notice is what the field of the type says.
func (s *sample) notice(value string) {
	t, _ := Lookup(s.typ)
	s.data.Field, s.data.Value = t.Field, s.text(value)
}

const sampleTemplate = `"message_template_id":1200000000000001,"message_template_name":"order_ready","message_template_language":"en_US"`

var templateNotices = [...]notice{
	{TemplateStatusUpdated, "", account, "", `{"event":"APPROVED",` + sampleTemplate + `,"message_template_category":"UTILITY","reason":"NONE"}`},
	{TemplateStatusUpdated, "rejected", account, "",
		`{"event":"REJECTED",` + sampleTemplate + `,"message_template_category":"UTILITY","reason":"INVALID_FORMAT",` +
			`"rejection_info":{"reason":"The text ends with a variable","recommendation":"Add a word after it"}}`},
	{TemplateStatusUpdated, "paused", account, "",
		`{"event":"PAUSED",` + sampleTemplate + `,"reason":"NONE","other_info":{"title":"FIRST_PAUSE","description":"Paused for 3 hours"}}`},
	{TemplateQualityUpdated, "", account, "", `{"previous_quality_score":"GREEN","new_quality_score":"YELLOW",` + sampleTemplate + `}`},
	{TemplateComponentsUpdated, "", account, "",
		`{` + sampleTemplate + `,"message_template_title":"Your order","message_template_element":"Hello {{1}}, it is ready.",` +
			`"message_template_footer":"Haddad Bakery","message_template_buttons":[{"message_template_button_type":"URL","message_template_button_text":"Track",` +
			`"message_template_button_url":"https://example.com/track"}]}`},
	{TemplateCategoryUpdated, "", account, "", `{` + sampleTemplate + `,"previous_category":"UTILITY","new_category":"MARKETING"}`},
	{TemplateCategoryAnnounced, "", account, "",
		`{` + sampleTemplate + `,"new_category":"UTILITY","correct_category":"MARKETING","category_update_timestamp":{tomorrow}}`},
	{TemplateCategoryDetected, "", account, "", `{` + sampleTemplate + `,"category":"UTILITY","correct_category":"MARKETING"}`},
}

const sampleDisplay = `"display_phone_number":"` + sampleBusiness + `"`

var numberNotices = [...]notice{
	{NumberNameUpdated, "", number, "", `{` + sampleDisplay + `,"decision":"APPROVED","requested_verified_name":"Haddad Bakery"}`},
	{NumberNameUpdated, "rejected", number, "", `{` + sampleDisplay + `,"decision":"REJECTED","requested_verified_name":"Bakery",` +
		`"rejection_reason":"NAME_FORMAT_UNACCEPTABLE"}`},
	{NumberQualityUpdated, "", number, "",
		`{` + sampleDisplay + `,"event":"UPGRADE","old_limit":"TIER_2K","current_limit":"TIER_10K","max_daily_conversations_per_business":"TIER_10K"}`},
	{NumberUsernameUpdated, "", number, "", `{` + sampleDisplay + `,"username":"haddadbakery","status":"approved"}`},
	{NumberSettingsUpdated, "", number, "", `{` + sampleProduct + `,"timestamp":"{unix}","type":"phone_number_settings","phone_number_settings":` +
		`{"phone_number_id":"` + samplePhoneID + `","calling":{"status":"ENABLED","call_icon_visibility":"DEFAULT","callback_permission_status":"ENABLED"}}}`},
	{NumberSecurityUpdated, "", number, "", `{` + sampleDisplay + `,"event":"PIN_RESET_REQUEST","requester":"100001"}`},
}

var accountNotices = [...]notice{
	{AccountUpdated, "", account, "",
		`{"event":"ACCOUNT_RESTRICTION","restriction_info":[{"restriction_type":"RESTRICTED_BIZ_INITIATED_MESSAGING","expiration":{tomorrow}}]}`},
	{AccountUpdated, "ban", account, "",
		`{"event":"DISABLED_UPDATE","ban_info":{"waba_ban_state":"SCHEDULE_FOR_DISABLE","waba_ban_date":"November 17, 2026"}}`},
	{AccountUpdated, "disconnected", account, "",
		`{"event":"PARTNER_REMOVED","waba_info":{"waba_id":"` + sampleWABA + `","owner_business_id":"400100"},` +
			`"disconnection_info":{"reason":"PRIMARY_INACTIVITY","initiated_by":"SYSTEM"}}`},
	{AccountReviewed, "", account, "", `{"decision":"APPROVED"}`},
	{AccountAlerted, "", number, "",
		`{"entity_type":"PHONE_NUMBER","entity_id":"` + samplePhoneID + `","alert_info":{"alert_severity":"WARNING","alert_status":"ACTIVE",` +
			`"alert_type":"OBA_REJECTED","alert_description":"Not notable enough"}}`},
	{AccountCapabilityUpdated, "", account, "",
		`{"max_daily_conversations_per_business":10000,"max_phone_numbers_per_business":20,"max_phone_numbers_per_waba":20}`},
	{AccountStatusUpdated, "", account, "", `{"event":"BUSINESS_STATUS_CHANGE","status":"ACTIVE"}`}, // the name is known, the shape is not
	{AccountSolutionUpdated, "", account, "", `{"event":"SOLUTION_UPDATED","solution_id":"888","solution_status":"ACTIVE"}`},
	{AccountPaymentUpdated, "", account, "",
		`{"configuration_name":"main","provider_name":"razorpay","provider_mid":"m-4410","status":"Needs Testing",` +
			`"created_timestamp":{unix},"updated_timestamp":{unix}}`},
	{FlowStatusUpdated, "", account, "",
		`{"event":"FLOW_STATUS_CHANGE","flow_id":"777","message":"Flow published","old_status":"DRAFT","new_status":"PUBLISHED"}`},
	{FlowHealthUpdated, "", account, "",
		`{"event":"ENDPOINT_LATENCY","flow_id":"777","message":"Latency is high","p50_latency":900,"p90_latency":4000,` +
			`"requests_count":50,"threshold":3000,"alert_state":"ACTIVATED"}`},
	{FlowVersionExpires, "", account, "", `{"event":"FLOW_VERSION_EXPIRY_WARNING","flow_id":"777","warning":"Version 3.0 expires in 30 days"}`},
	{FlowUpdated, "", account, "",
		`{"event":"FLOW_OWNER_CHANGE","flow_id":"777","message":"The owner of the Flow changed"}`}, // of an event that is yet to come
}

const samplePerson = `"wa_id":"` + sampleCustomer + `","user_id":"` + sampleUserID + `"`

var userNotices = [...]notice{
	{UserPreferencesUpdated, "", introduced, "user_preferences", `{` + samplePerson + `,"category":"marketing_messages","value":"stop",` +
		`"detail":"The customer asked for no more offers","timestamp":{unix}}`},
	{UserPreferencesUpdated, "resumed", introduced, "user_preferences", `{` + samplePerson + `,"category":"marketing_messages","value":"resume",` +
		`"detail":"The customer wants offers again","timestamp":{unix}}`},
	{UserIDUpdated, "", someone, "user_id_update",
		`{"wa_id":"` + sampleCustomer + `","detail":"The user id changed","user_id":{"previous":"US.2JP71KD0QX","current":"` +
			sampleUserID + `"},"timestamp":"{unix}"}`},
	{UserProfileUpdated, "", number, "",
		`{` + sampleMetadata + `,"user_id":"` + sampleUserID + `","timestamp":"{unix}"}`}, // the name is known, the shape is not
	{UserActionRecorded, "", number, "user_actions", `{"action_type":"marketing_messages_link_click","timestamp":"{unix}",` +
		`"marketing_messages_link_click_data":{"click_component":"cta","product_id":"p-12","click_id":"c-34","tracking_token":"t-56"}}`},
	{TrackingRecorded, "", nobody, "events", `{"event_name":"sent","timestamp":{unix},"tracking_data":{"click_id":"c-34","tracking_token":"t-56"}}`},
	{ConversionDetected, "", number, "automatic_events", `{"id":"{earlier}","event_name":"Purchase","timestamp":{unix},"ctwa_clid":"ARxx0123example",` +
		`"custom_data":{"currency":"USD","value":25.5}}`},
	{CampaignStatusUpdated, "", account, "", `{"campaign_id":"9900","status":"PAUSED"}`}, // the name is known, the shape is not
	{ContactSynced, "", someone, "state_sync",
		`{"type":"contact","contact":{"full_name":"` + sampleName + `","first_name":"Layla","phone_number":"` + sampleCustomer +
			`"},"action":"add","metadata":{"timestamp":"{unix}"}}`},
	{ContactSynced, "removed", someone, "state_sync",
		`{"type":"contact","contact":{"phone_number":"` + sampleCustomer + `"},"action":"remove","metadata":{"timestamp":"{unix}"}}`},
}

const sampleCall = `"id":"wacid.HBgLQ0FMTA{unix}","from":"` + sampleCustomer + `","to":"` + sampleBusiness + `"`

var callNotices = [...]notice{
	{CallConnected, "", someone, "calls",
		`{` + sampleCall + `,"event":"connect","timestamp":"{unix}","direction":"USER_INITIATED","session":{"sdp_type":"offer","sdp":"v=0"}}`},
	{CallEnded, "", someone, "calls", `{` + sampleCall + `,"event":"terminate","timestamp":"{unix}","direction":"USER_INITIATED","status":"COMPLETED",` +
		`"start_time":"{unix}","end_time":"{unix}","duration":120}`},
	{CallCreated, "", someone, "calls", `{` + sampleCall + `,"event":"call_created","timestamp":"{unix}","direction":"USER_INITIATED"}`},
	{CallRecorded, "", someone, "calls",
		`{` + sampleCall + `,"event":"call_recording_available","timestamp":"{unix}","call_recording":{"audio":{"id":"900021","mime_type":"audio/ogg"}}}`},
	{CallTranscribed, "", someone, "calls", `{` + sampleCall + `,"event":"call_transcription_available","timestamp":"{unix}",` +
		`"call_transcript":{"document":{"id":"900022","mime_type":"text/plain"}}}`},
	{CallStatusUpdated, "", someone, "statuses",
		`{"id":"wacid.HBgLUklORw{unix}","type":"call","status":"RINGING","timestamp":"{unix}","recipient_id":"` + sampleCustomer +
			`","biz_opaque_callback_data":"callback-12"}`},
	{CallUpdated, "", someone, "calls", `{` + sampleCall + `,"event":"call_held","timestamp":"{unix}"}`}, // of an event that is yet to come
}

const sampleGroupOf = `"timestamp":"{unix}","group_id":"` + sampleGroup + `"`

var groupNotices = [...]notice{
	{GroupCreated, "", number, "groups",
		`{` + sampleGroupOf + `,"type":"group_create","request_id":"rq-1","subject":"Friday deliveries","invite_link":"https://chat.whatsapp.com/example"}`},
	{GroupDeleted, "", number, "groups", `{` + sampleGroupOf + `,"type":"group_delete","request_id":"rq-2"}`},
	{GroupParticipantsAdded, "", number, "groups",
		`{` + sampleGroupOf + `,"type":"group_participants_add","request_id":"rq-3","initiated_by":"business",` +
			`"added_participants":[{"input":"` + sampleCustomer + `",` + samplePerson + `}]}`},
	{GroupParticipantsRemoved, "", number, "groups", `{` + sampleGroupOf + `,"type":"group_participants_remove","initiated_by":"participant",` +
		`"removed_participants":[{` + samplePerson + `}]}`},
	{GroupJoinRequested, "", someone, "groups",
		`{` + sampleGroupOf + `,"type":"group_join_request_created","join_request_id":"jr-1",` + samplePerson + `}`},
	{GroupJoinRevoked, "", someone, "groups",
		`{` + sampleGroupOf + `,"type":"group_join_request_revoked","join_request_id":"jr-1",` + samplePerson + `}`},
	{GroupSettingsUpdated, "", number, "groups", `{` + sampleGroupOf + `,"type":"group_settings_update","request_id":"rq-4",` +
		`"group_subject":{"text":"Saturday deliveries","update_successful":true}}`},
	{GroupSuspended, "", number, "groups", `{` + sampleGroupOf + `,"type":"group_suspend"}`},
	{GroupUnsuspended, "", number, "groups", `{` + sampleGroupOf + `,"type":"group_suspend_cleared"}`},
	{GroupUpdated, "", number, "groups", `{` + sampleGroupOf + `,"type":"group_archive"}`}, // of a type that is yet to come
}

// otherRecipes are the notices that stand elsewhere in their value than all others.
func otherRecipes() []recipe {
	return []recipe{
		{ConversationControl, "", notice{about: someone, value: `{` + sampleProduct + `,"recipient":{"phone_number_id":"` + samplePhoneID + `",` + sampleDisplay +
			`},"sender":{"phone_number":"` + sampleCustomer + `"},"type":"control_passed","timestamp":"{unix}",` +
			`"control_passed":{"previous_owner_role":"ai_agent","new_owner_role":"customer_service","metadata":"ticket 1042"}}`}.fill},
		{ConversationContext, "", func(s *sample) {
			s.notice(`{"type":"summary","summary":{"text":"Wants a refund for order 1042"}}`)
			s.envelope(waba.FieldMessages, "", "conversation_context", s.data.Value)
		}},
		{StandbyReceived, "", func(s *sample) {
			s.talk(9)
			s.notice(`{"from":"` + sampleCustomer + `","id":"{wamid}","timestamp":"{unix}","type":"text","text":{"body":"Hello bot"}}`)
			s.envelope(s.data.Field, "", "standby", json.RawMessage(`{"contacts":[`+sampleContact+`],"messages":[`+string(s.data.Value)+`]}`))
		}},
		{HistoryProgress, "", func(s *sample) { // the messages of the chunk are events of their own
			s.notice(`{"metadata":{"phase":0,"chunk_order":1,"progress":55}}`)
			s.envelope(s.data.Field, "", "history", list(s.data.Value))
		}},
		{GroupFailed, "", func(s *sample) {
			e := explained(Error{Code: "131215", Title: "Group operation refused", Message: "Group operation refused", Details: "The group is suspended"})
			s.data.Error = &e
			s.notice(`{` + sampleGroupOf + `,"type":"group_settings_update","request_id":"rq-5","errors":` + string(errorsJSON([]Error{e})) + `}`)
			s.envelope(s.data.Field, "", "groups", list(s.data.Value))
		}},
		{HistoryDeclined, "", func(s *sample) {
			e := explained(Error{Code: "2593109", Title: "History sharing is turned off", Message: "History sharing is turned off",
				Details: "Declined by the business"})
			s.data.Error = &e
			s.notice(`{"errors":` + string(errorsJSON([]Error{e})) + `}`)
			s.envelope(s.data.Field, "", "history", list(s.data.Value))
		}},
	}
}
