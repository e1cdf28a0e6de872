"""Where tensors live, and how fitted networks travel."""

import copy
import io
import pickle

import joblib
import pytest
import torch

from condcap_sk import ConditionalCaptioner, _persistence
from condcap_sk._torch.device import resolve_device
from condcap_sk.exceptions import VersionMismatchWarning
from condcap_sk.gan import LatentGAN


def joblib_dumps(value):
    file = io.BytesIO()
    joblib.dump(value, file)
    return file.getvalue()


def test__resolve_device__auto__is_one_that_works():
    assert torch.ones(2, device=resolve_device("auto")).sum().item() == 2


def test__resolve_device__cpu__is_the_cpu():
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "tpu", ""])
def test__resolve_device__not_there__names_what_to_use(device):
    with pytest.raises(ValueError, match=f"device='{device}'.*Use"):
        resolve_device(device)


def test__resolve_device__environment_variable__is_what_auto_means(monkeypatch):
    monkeypatch.setenv("CONDCAP_DEVICE", "mainframe")
    with pytest.raises(ValueError, match="mainframe"):
        resolve_device("auto")
    assert resolve_device("cpu").type == "cpu"


class TestPortable:
    def test__to__fitted_parts__move_and_answer(self, hardly_fitted, digits):
        est = copy.deepcopy(hardly_fitted)
        assert est.to("cpu") is est
        assert (est.predict(digits.images_test) == hardly_fitted.predict(digits.images_test)).all()
        with pytest.raises(ValueError, match="device='mainframe'"):
            est.to("mainframe")

    def test__to__part_given_as_parameter__is_left_alone(self, hardly_fitted, monkeypatch):
        moved = []
        monkeypatch.setattr(LatentGAN, "to", lambda self, _: moved.append(self))
        hardly_fitted.to("cpu")
        assert moved == [hardly_fitted.gan_]

    def test__pickle__fitted_on_an_accelerator__is_on_the_cpu(self, hardly_fitted, monkeypatch):
        # No accelerator here: the meta device stands for one, as far as its name goes.
        gan = copy.copy(hardly_fitted.gan_)
        gan.device_ = torch.device("meta")
        loaded = pickle.loads(pickle.dumps(gan))
        assert loaded.device_ == torch.device("cpu")
        assert gan.device_ == torch.device("meta")

    @pytest.mark.parametrize("dump", [pickle.dumps, joblib_dumps])
    def test__pickle__fitted__is_little_larger_than_its_tensors(self, hardly_fitted, dump):
        est = hardly_fitted
        modules = [est.codec_.encoder_, est.codec_.decoder_, est.image_encoder_.matcher_,
                   est.gan_.generator_, est.gan_.discriminator_, est.gan_.recogniser_]  # fmt: skip
        tensors = [tensor for module in modules for tensor in module.state_dict().values()]
        n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        assert len(dump(est)) < 1.2 * n_bytes

    def test__pickle__fitted_or_not__comes_back_the_same(self, hardly_fitted, digits):
        for est in (hardly_fitted, ConditionalCaptioner(n_latents=2)):
            assert repr(pickle.loads(pickle.dumps(est))) == repr(est)
        loaded = pickle.loads(pickle.dumps(hardly_fitted))
        answers = hardly_fitted.predict(digits.images_test)
        assert (loaded.predict(digits.images_test) == answers).all()

    def test__pickle__of_another_version__warns(self, hardly_fitted, monkeypatch):
        content = pickle.dumps(hardly_fitted)
        monkeypatch.setattr(_persistence, "__version__", "9.9")
        with pytest.warns(VersionMismatchWarning, match="'0.1.0', this is 9.9"):
            pickle.loads(content)
