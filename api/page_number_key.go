package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

func (s *Server) numberKey(numberID int64, k models.APIKey) dashboard.NumberKey {
	item := dashboard.NumberKey{ID: k.ID, Name: k.Name, Prefix: k.Prefix, CreatedBy: k.CreatedBy, Created: dashboard.NewWhen(k.CreatedAt, s.now()),
		Path: numberPath(numberID) + "/keys/" + strconv.FormatInt(k.ID, 10)}
	if k.LastUsedAt != nil {
		item.LastUsed = dashboard.NewWhen(*k.LastUsedAt, s.now())
	}
	return item
}

func (s *Server) submitKeyNew(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	in := readForm(c, "name")
	_, token, err := s.createKey(c.UserContext(), who, maybe[string]{given: true, value: in.values["name"]}, &id)
	if e := asError(err); e != nil && e.Field == "number_id" {
		return models.ErrNotFound
	}
	if err != nil {
		if err := in.refuse(err); err != nil {
			return err
		}
	}
	return s.showNumber(c, who, in.status(), func(v *dashboard.Number) {
		v.NewKey = token.Text()
		if in.wrong != nil {
			v.KeyName = in.field(v.KeyName)
		}
	})
}

// numberKeyOf reads the key of a number that a request is about.
func (s *Server) numberKeyOf(c *fiber.Ctx, who caller) (numberID, keyID int64, err error) {
	if numberID, err = pathID(c, "id"); err != nil {
		return 0, 0, err
	}
	if keyID, err = pathID(c, "key"); err != nil {
		return 0, 0, err
	}
	k, err := s.ownKey(c.UserContext(), who.Business, keyID)
	if err == nil && (k.NumberID == nil || *k.NumberID != numberID) {
		err = fmt.Errorf("key %d of number %d: %w", keyID, numberID, models.ErrNotFound)
	}
	return numberID, keyID, err
}

func (s *Server) submitKeyRegenerate(c *fiber.Ctx, who caller) error {
	_, key, err := s.numberKeyOf(c, who)
	if err != nil {
		return err
	}
	_, token, removed, err := s.regenerateKey(c.UserContext(), who, key)
	if err != nil {
		return err
	}
	return s.showNumber(c, who, http.StatusOK, func(v *dashboard.Number) {
		v.NewKey, v.KeyNote = token.Text(), "The one before has ended."
		if removed {
			v.KeyNote += " The number's webhook went with it: set it again."
		}
	})
}

func (s *Server) submitKeyDelete(c *fiber.Ctx, who caller) error {
	number, key, err := s.numberKeyOf(c, who)
	if err != nil {
		return err
	}
	if err := s.deleteKey(c.UserContext(), who.Business, key); err != nil {
		return err
	}
	return back(c, numberPath(number), "key-deleted")
}
