package reply

import "wabagate/models"

// line is one message of a conversation with a model.
type line struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// lines are what a model is told: the prompt, and the last messages up to the one to be answered, at most so many. What
// has no text is told by its kind. Several messages of one side in a row are one, and a customer has the first: not every
// model takes them otherwise.
func lines(prompt string, recent []models.Message, asked string, most int) []line {
	var told []models.Message
	for _, m := range recent {
		if tellable(m) {
			told = append(told, m)
		}
		if m.Wamid == asked {
			break
		}
	}
	told = told[max(0, len(told)-max(most, 1)):]
	for len(told) > 1 && !told[0].Inbound {
		told = told[1:]
	}
	var ls []line
	if prompt != "" {
		ls = append(ls, line{"system", prompt})
	}
	for _, m := range told {
		l := line{"assistant", m.Text}
		if m.Inbound {
			l.Role = "user"
		}
		if l.Content == "" {
			l.Content = "[" + m.Type + "]"
		}
		if last := len(ls) - 1; last >= 0 && ls[last].Role == l.Role {
			ls[last].Content += "\n" + l.Content
			continue
		}
		ls = append(ls, l)
	}
	return ls
}

// tellable says whether a message means anything to a model: a customer's always does, but for reactions and the like.
func tellable(m models.Message) bool {
	if m.Inbound {
		return wantsAnswer(m)
	}
	return m.Text != "" && m.Type != "reaction" && m.DeletedAt.IsZero()
}
