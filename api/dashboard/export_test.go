package dashboard

import "io"

// Part draws one part by itself.
func (p *Pages) Part(w io.Writer, name string, data any) error {
	return p.set.ExecuteTemplate(w, name, data)
}
