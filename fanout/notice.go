package fanout

import (
	"encoding/json"
	"strings"

	"wabagate/fanout/event"
	"wabagate/waba"
)

// noticeTypes name the events of the fields besides messages: by field and what tells the notices of a field apart (the
// key it stood under, then its kind). An empty kind is all the rest of the field.
var noticeTypes = map[string]map[string]string{
	"messages": {
		"user_actions": event.UserActionRecorded, "conversation_context": event.ConversationContext, "statuses": event.CallStatusUpdated,
	},
	"message_template_status_update":      {"": event.TemplateStatusUpdated},
	"message_template_quality_update":     {"": event.TemplateQualityUpdated},
	"message_template_components_update":  {"": event.TemplateComponentsUpdated},
	"template_category_update":            {"announced": event.TemplateCategoryAnnounced, "": event.TemplateCategoryUpdated},
	"template_correct_category_detection": {"": event.TemplateCategoryDetected},
	"phone_number_name_update":            {"": event.NumberNameUpdated},
	"phone_number_quality_update":         {"": event.NumberQualityUpdated},
	"business_username_updates":           {"": event.NumberUsernameUpdated},
	"business_username_update":            {"": event.NumberUsernameUpdated},
	"account_settings_update":             {"": event.NumberSettingsUpdated},
	"security":                            {"": event.NumberSecurityUpdated},
	"account_update":                      {"": event.AccountUpdated},
	"account_review_update":               {"": event.AccountReviewed},
	"account_alerts":                      {"": event.AccountAlerted},
	"business_capability_update":          {"": event.AccountCapabilityUpdated},
	"business_status_update":              {"": event.AccountStatusUpdated},
	"partner_solutions":                   {"": event.AccountSolutionUpdated},
	"payment_configuration_update":        {"": event.AccountPaymentUpdated},
	"flows": {
		"FLOW_STATUS_CHANGE": event.FlowStatusUpdated, "CLIENT_ERROR_RATE": event.FlowHealthUpdated, "ENDPOINT_ERROR_RATE": event.FlowHealthUpdated,
		"ENDPOINT_LATENCY": event.FlowHealthUpdated, "ENDPOINT_AVAILABILITY": event.FlowHealthUpdated,
		"FLOW_VERSION_EXPIRY_WARNING": event.FlowVersionExpires, "": event.FlowUpdated,
	},
	"user_preferences":       {"": event.UserPreferencesUpdated},
	"user_id_update":         {"": event.UserIDUpdated},
	"consumer_profile":       {"": event.UserProfileUpdated},
	"tracking_events":        {"": event.TrackingRecorded},
	"automatic_events":       {"": event.ConversionDetected},
	"campaign_status_update": {"": event.CampaignStatusUpdated},
	"calls": {
		"statuses": event.CallStatusUpdated, "connect": event.CallConnected, "terminate": event.CallEnded, "call_created": event.CallCreated,
		"call_recording_available": event.CallRecorded, "call_transcription_available": event.CallTranscribed, "": event.CallUpdated,
	},
	"group_lifecycle_update":    groupTypes,
	"group_participants_update": groupTypes,
	"group_participant_update":  groupTypes,
	"group_settings_update":     groupTypes,
	"group_status_update":       groupTypes,
	"messaging_handovers":       {"": event.ConversationControl},
	"standby":                   {"": event.StandbyReceived},
	"smb_app_state_sync":        {"": event.ContactSynced},
	"history":                   {"declined": event.HistoryDeclined, "": event.HistoryProgress},
}

var groupTypes = map[string]string{
	"group_create": event.GroupCreated, "group_delete": event.GroupDeleted,
	"group_participants_add": event.GroupParticipantsAdded, "group_add_participants": event.GroupParticipantsAdded,
	"group_participants_remove": event.GroupParticipantsRemoved, "group_remove_participants": event.GroupParticipantsRemoved,
	"group_join_request_created": event.GroupJoinRequested, "group_join_request_revoked": event.GroupJoinRevoked,
	"group_settings_update": event.GroupSettingsUpdated,
	"group_suspend":         event.GroupSuspended, "group_suspend_cleared": event.GroupUnsuspended,
	"": event.GroupUpdated,
}

// noticeType is the event type of a notice, empty for one that has none.
func noticeType(field string, n *waba.Notice) string {
	types := noticeTypes[field]
	for _, name := range []string{n.Key, n.Kind} {
		if typ, ok := types[name]; ok && name != "" {
			return typ
		}
	}
	return types[""]
}

func (s *factsOfChange) notice(n *waba.Notice) fact {
	f := s.base
	f.notice = n
	f.happened(n.Timestamp)
	f.typ = noticeType(s.c.Field, n)
	switch {
	case strings.HasPrefix(f.typ, "group.") && len(n.Errors) > 0:
		f.typ = event.GroupFailed
	case f.typ == "":
		f.typ = event.UpstreamUnrecognized
		f.unknown = &waba.Unrecognized{Key: n.Key, Element: n.Key != "", Reason: "a notice this version does not know", Raw: n.Raw}
	}
	if n.WaID != "" || n.UserID != "" || n.ParentUserID != "" {
		f.person = s.ref(n.WaID, n.UserID, n.ParentUserID)
		f.person.Link = true
	} else if f.typ == event.UserProfileUpdated && len(s.c.Contacts) == 1 {
		f.person = s.ref(s.c.Contacts[0].WaID, s.c.Contacts[0].UserID, s.c.Contacts[0].ParentUserID)
		f.person.Link = true
	}
	switch {
	case f.typ == event.UserIDUpdated:
		f.person.Formerly.UserID = previousUserID(n.Raw)
	case strings.HasPrefix(f.typ, "call."):
		f.key = event.NewKey("call", s.scope, n.ID, n.Key, n.Kind)
		return f
	case f.typ == event.StandbyReceived:
		f.key = event.NewKey(f.typ, s.scope, n.ID, n.Key, n.Kind)
		return f
	}
	at := s.c.At
	if n.Key != "" {
		at = n.Timestamp // an element keeps its identity in whatever company it comes
	}
	f.key = event.NewKey(f.typ, s.scope, s.c.WABAID, unix(at), s.c.Field, n.Key, contentHash(n.Raw))
	return f
}

// previousUserID reads the one name of a user id update that people no longer have.
func previousUserID(raw json.RawMessage) string {
	var update struct {
		UserID struct {
			Previous string `json:"previous"`
		} `json:"user_id"`
	}
	_ = json.Unmarshal(raw, &update) // of another shape it names nobody
	return update.UserID.Previous
}
