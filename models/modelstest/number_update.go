package modelstest

import (
	"testing"

	"wabagate/models"
)

// testUpdateNumber: what is known of a number is brought up to date, what is not known stays, and what was kept for its account
// is processed.
func testUpdateNumber(_ *testing.T, w *world) {
	w.write(models.Changes{Parked: []models.ParkedCallback{{PhoneNumberID: models.ParkedForWABA("w9"), CallbackID: 1}, {PhoneNumberID: models.ParkedForWABA("w8"), CallbackID: 2}}})
	n := w.number
	same := func(what string) {
		w.t.Helper()
		ns, err := w.Numbers(w.ctx, w.business)
		w.ok(err)
		n.CreatedAt = ns[0].CreatedAt
		w.equal(what, ns[0], n)
	}
	w.is(w.UpdateNumber(w.ctx, models.Number{ID: n.ID, BusinessID: w.otherBusiness(), Name: "Theirs", WABAID: "w9"}), models.ErrNotFound)
	w.is(w.UpdateNumber(w.ctx, models.Number{ID: 4711, BusinessID: w.business, Name: "None"}), models.ErrNotFound)
	w.ok(w.UpdateNumber(w.ctx, models.Number{ID: n.ID, BusinessID: w.business}))
	same("nothing is known")
	w.equal("nothing to do", len(w.unfinished()), 0)

	n.Display, n.Name = "15550199", "Acme\uFFFD"
	w.ok(w.UpdateNumber(w.ctx, models.Number{ID: n.ID, BusinessID: w.business, PhoneNumberID: "another", Display: n.Display, Name: "Acme\x00"}))
	same("display and name")
	n.WABAID = "w9"
	w.ok(w.UpdateNumber(w.ctx, models.Number{ID: n.ID, BusinessID: w.business, WABAID: "w9"}))
	same("account")
	ws := w.unfinished()
	w.equal("of the account", []any{len(ws), ws[0].Members}, []any{1, []int64{1, 1}})
	w.equal("directory", w.routes().Numbers["100"].WABAID, "w9")
}
