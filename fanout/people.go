package fanout

import (
	"slices"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// greet tells of a contact and a conversation that this transaction made, and of what it learned of a known one.
func (b *batch) greet(f *fact, p *models.Person) error {
	if p.Contact.ID == 0 {
		return nil
	}
	if p.NewContact {
		d := b.data(f, p)
		d.Conversation = nil
		if err := b.emit(f, event.NewKey(event.ContactCreated, id(f.business), id(p.Contact.ID)), event.ContactCreated, d, nil, false); err != nil {
			return err
		}
	} else if (f.person.Create || f.person.Link) && !b.known[f.key] {
		if err := b.refresh(f, p); err != nil {
			return err
		}
	}
	if !p.NewConversation {
		return nil
	}
	d := b.data(f, p)
	if f.message != nil {
		d.Message = messageData(f)
	}
	return b.emit(f, event.NewKey(event.ConversationCreated, f.number.PhoneNumberID, id(p.Conversation.ID)), event.ConversationCreated, d, p, false)
}

// refresh keeps what a fact newly says of a known contact, and tells of it.
func (b *batch) refresh(f *fact, p *models.Person) error {
	c := b.contact(p)
	previous := absorb(&c.now, f.person, p.NewUserID)
	if len(p.Merged) > 0 {
		previous.was("merged_contact_ids", p.Merged)
	}
	if len(previous) == 0 {
		return nil
	}
	c.changed = true
	d := b.data(f, p)
	d.Conversation, d.Previous = nil, previous.json()
	return b.emit(f, event.NewKey(event.ContactUpdated, id(c.now.ID), f.key.EventID()), event.ContactUpdated, d, nil, false)
}

// absorb puts what a ref says of a contact into it, and returns what was there before. What was unknown is filled in by
// anything; what was known changes only by what is not older than the last change, so that late callbacks turn nothing
// back. Another spelling of the same number is no change, and neither is a user id that the contact has beside others.
func absorb(c *models.Contact, r models.PersonRef, newUserID bool) values {
	var previous values
	newer := !r.At.Before(c.ProfileAt)
	set := func(name string, field *string, value string, differs bool) {
		if value == "" || value == *field || *field != "" && (!newer || !differs) {
			return
		}
		previous.was(name, *field)
		*field = value
	}
	set("name", &c.Name, r.Name, true)
	set("username", &c.Username, r.Username, true)
	set("wa_id", &c.WaID, r.WaID, waba.CanonicalNumber(c.WaID) != waba.CanonicalNumber(r.WaID))
	set("user_id", &c.UserID, r.UserID, newUserID || r.Formerly.UserID != "")
	set("parent_user_id", &c.ParentUserID, r.ParentUserID, true)
	if len(previous) > 0 && newer {
		c.ProfileAt = r.At
	}
	return previous
}

// changedSettings are the old values of the settings that differ.
func changedSettings(before, after models.ConversationSettings) values {
	var previous values
	if before.Status != after.Status {
		previous.was("status", before.Status)
	}
	if !slices.Equal(before.Labels, after.Labels) {
		previous.was("labels", append([]string{}, before.Labels...)) // an empty list, not null
	}
	if before.Note != after.Note {
		previous.was("note", before.Note)
	}
	if before.Assignee != after.Assignee {
		previous.was("assignee", before.Assignee)
	}
	if before.AI.Off != after.AI.Off {
		previous.was("ai", aiOf(before.AI, "on"))
		if before.AI.Off != "" {
			previous.was("ai_reason", before.AI.Off)
		}
	}
	return previous
}
