package waba

import "encoding/json"

// HistoryMessage is a past message of the phone app, in the thread of one customer. It may be of either direction: From is
// the business's own number for what it wrote.
type HistoryMessage struct {
	Message
	// ThreadID is empty for media that followed later, which come in no thread. Where the thread does not name the customer,
	// the other names say who the message is from, or to whom it went.
	ThreadID, ThreadWaID, ThreadUserID, ThreadParentUserID string

	Thread json.RawMessage // id and context of the thread, as they came; nil when it has none that can be read
}

// Keys of what cannot be understood below the chunks of a history.
const (
	threadsKey        = "history.threads"
	threadMessagesKey = "history.threads.messages"
)

// pastMessage reads a message that stands in no thread.
func pastMessage(raw json.RawMessage) (HistoryMessage, error) {
	m, err := ParseMessage(raw)
	return HistoryMessage{}.with(m), err
}

// with returns the thread with this message in it. A thread that names nobody is that of the user of the message.
func (h HistoryMessage) with(m Message) HistoryMessage {
	h.Message = m
	switch {
	case h.ThreadWaID != "" || h.ThreadUserID != "":
	case m.To != "" || m.ToUserID != "":
		h.ThreadWaID, h.ThreadUserID = m.To, m.ToUserID
	default:
		h.ThreadWaID, h.ThreadUserID, h.ThreadParentUserID = m.From, m.FromUserID, m.FromParentUserID
	}
	return h
}

// readHistory takes chunks apart: each becomes a notice about the progress, or about the refusal to share, without the
// messages, and each message stands alone.
func (c *Change) readHistory(array json.RawMessage) {
	if !c.expectArray("history", array) {
		return
	}
	for chunk := range elements(array) {
		if !isObject(chunk) {
			c.reject("history", errNot("object", chunk).Error(), chunk)
			continue
		}
		says, threads := false, false
		for key, value := range members(chunk) {
			switch {
			case present(value) == nil:
			case string(key) == "threads":
				threads = true
				c.readThreads(value)
			default:
				says = true
			}
		}
		switch {
		case says:
			n := Notice{Key: "history", Kind: "progress", Raw: without(chunk, func(key string, _ json.RawMessage) bool { return key == "threads" })}
			if n.Errors = errorsOf(member(chunk, "errors")); n.Errors != nil {
				n.Kind = "declined"
			}
			c.Notices = append(c.Notices, n)
		case !threads:
			c.reject("history", "no metadata, threads or errors", chunk)
		}
	}
}

func (c *Change) readThreads(array json.RawMessage) {
	if !c.expectArray(threadsKey, array) {
		return
	}
	for thread := range elements(array) {
		if !isObject(thread) {
			c.reject(threadsKey, errNot("object", thread).Error(), thread)
			continue
		}
		c.readThread(thread)
	}
}

func (c *Change) readThread(thread json.RawMessage) {
	var h HistoryMessage
	var r reading
	unknown := false
	for key, value := range members(thread) {
		switch {
		case present(value) == nil, isThreadMessages(string(key), value):
		case string(key) == "id":
			h.ThreadID = r.text("id", value)
		case string(key) == "context" && r.object("context", value):
			h.ThreadWaID = number(r.text("context.wa_id", member(value, "wa_id")))
			h.ThreadUserID = r.text("context.user_id", member(value, "user_id"))
			h.ThreadParentUserID = r.text("context.parent_user_id", member(value, "parent_user_id"))
		default:
			unknown = true
		}
	}
	if h.ThreadWaID == "" && isDigits(h.ThreadID) { // the id is the number, and before 2026 the only place to find it
		h.ThreadWaID = h.ThreadID
	}
	if r.err == nil {
		h.Thread = without(thread, func(key string, _ json.RawMessage) bool { return key != "id" && key != "context" })
	}
	switch {
	case r.err != nil:
		c.reject(threadsKey, r.err.Error(), without(thread, isThreadMessages))
	case unknown:
		c.reject(threadsKey, "an unknown key", without(thread, isThreadMessages))
	}
	for key, value := range members(thread) {
		if !isThreadMessages(string(key), value) {
			continue
		}
		for element := range elements(value) {
			m, err := ParseMessage(element)
			if err != nil {
				c.reject(threadMessagesKey, err.Error(), element)
				continue
			}
			c.History = append(c.History, h.with(m))
		}
	}
}

func isThreadMessages(key string, value json.RawMessage) bool {
	return key == "messages" && isArray(value)
}

// without copies an object without the members that drop picks. An object that has none of them is returned as it is.
func without(object json.RawMessage, drop func(key string, value json.RawMessage) bool) json.RawMessage {
	rest := json.RawMessage{'{'}
	dropped := false
	for key, value := range members(object) {
		if drop(string(key), value) {
			dropped = true
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		rest = append(append(appendQuoted(rest, string(key)), ':'), value...)
	}
	if !dropped {
		return object
	}
	return append(rest, '}')
}
