package api

import "net/http"

type contactsQuery struct {
	pageQuery
	Search string `json:"search"` // in names, phone numbers and user ids
}

type conversationsQuery struct {
	pageQuery
	Status    string `json:"status" enum:"open,closed"`
	Label     string `json:"label"`
	NumberID  int64  `json:"number_id"`
	ContactID int64  `json:"contact_id"`
}

type messagesQuery struct {
	Before string `json:"before"` // a next_before, or a moment
	Limit  int    `json:"limit" enum:"1-100"`
}

type ordersQuery struct {
	pageQuery
	Status string `json:"status" enum:"@orders"`
}

type formsQuery struct {
	pageQuery
	spanQuery
}

type conversationBody struct {
	Status   string   `json:"status" enum:"open,closed"`
	Labels   []string `json:"labels"`
	Note     string   `json:"note"`
	Assignee *string  `json:"assignee"` // null: nobody
	AI       flag     `json:"ai"`       // whether an AI may answer
}

type orderBody struct {
	Status    string  `json:"status" enum:"@orders"`
	Reference *string `json:"reference"` // the business's own; null: none
}

func peopleTopics() []topic {
	return []topic{
		{"Customers", "Who writes, and what they said.", []operation{
			op("GET", "contacts", "listContacts", "The contacts, the newest first.").with(contactsQuery{}).ok(contactList{}),
			op("GET", "contacts/:id<int>", "getContact", "A contact.").ok(members{"contact": contactJSON{}}),
			op("POST", "contacts/:id<int>/erase", "eraseContact", "Erases what is kept of a contact. A large one goes on after the answer.").takes(nothing{}, "").
				ok(members{"receipt": receiptJSON{}}).gives(http.StatusAccepted, members{"receipt": receiptJSON{}}).refuses(http.StatusConflict),
			op("GET", "erasures", "listErasures", "The receipts of erasures, the newest first.").with(pageQuery{}).ok(erasureList{}),
			op("GET", "conversations", "listConversations", "The conversations, the newest first.").with(conversationsQuery{}).ok(conversationList{}),
			op("GET", "conversations/:id<int>", "getConversation", "A conversation.").ok(members{"conversation": conversationJSON{}}),
			op("PUT", "conversations/:id<int>", "updateConversation", "Changes what is given of a conversation.").takes(conversationBody{}, `{"status":"closed","labels":["vip"]}`).ok(conversationUpdated{}),
			op("GET", "conversations/:id<int>/messages", "listMessages", "The messages of a conversation, the newest first.").with(messagesQuery{}).ok(messageList{}),
			op("GET", "forms", "listForms", "The forms that customers submitted, the newest first.").with(formsQuery{}).ok(formList{}),
		}},
		{"Orders", "What customers want to buy.", []operation{
			op("GET", "orders", "listOrders", "The orders, the newest first.").with(ordersQuery{}).ok(orderList{}),
			op("GET", "orders/:id<int>", "getOrder", "An order.").ok(members{"order": orderJSON{}}),
			op("PUT", "orders/:id<int>", "updateOrder", "Changes what is given of an order.").takes(orderBody{}, `{"status":"shipped"}`).ok(orderUpdated{}),
		}},
	}
}
