package outgoing

func (m *Message) readTemplate(template node) {
	if !template.object() {
		return
	}
	m.Template = template.get("name").required(0)
	m.Text = m.Template
	if language := template.get("language"); language.object() {
		language.get("code").required(0)
	}
	if components := template.get("components"); !components.absent() {
		for _, component := range components.list(0, 0) {
			readComponent(component)
		}
	}
}

// readComponent reads the values for one part of a template. Which parts there are is the platform's to extend.
func readComponent(component node) {
	if !component.object() {
		return
	}
	if component.get("type").required(0) == "button" {
		component.get("sub_type").required(0)
		component.get("index").id()
	}
	if parameters := component.get("parameters"); !parameters.absent() {
		for _, parameter := range parameters.list(0, 0) {
			readParameter(parameter)
		}
	}
}

func readParameter(parameter node) {
	if !parameter.object() {
		return
	}
	switch kind := parameter.get("type").required(0); kind {
	case "text", "payload":
		parameter.get(kind).required(0)
	case "image", "video", "document":
		if media := parameter.get(kind); media.object() {
			source(media)
		}
	}
}
