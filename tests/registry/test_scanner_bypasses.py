"""
Published ways past picklescan, modelscan and fickling, none of which leads past the check of weights.

Each is named by its advisory, its CVE or its issue at the scanner's repository.
"""

import pytest

from loop.errors import ArchiveRefused
from loop.registry.pickle_check import objections
from loop.registry.weights_check import check_weights
from tests.vision.builders import LAYER, checkpoint

P = b"\x80\x02"
TRUE = b"U\x04true"  # an argument
RUN = b"cos\nsystem\n" + TRUE + b"\x85R"

FUNCTIONS = {  # that a scanner's list of dangerous imports lacked
    "GHSA-655q-fx9r-782v CVE-2025-1716": "pip main",
    "GHSA-v7x6-rv5q-mhwc": "timeit timeit",
    "GHSA-xp4f-hrf8-rxw7": "ensurepip _run_pip",
    "GHSA-vvpj-8cmc-gx39": "pkgutil resolve_name",
    "CVE-2025-10157": "asyncio.unix_events _UnixSubprocessTransport._start",
    "CVE-2025-46417": "ssl get_server_certificate",
    "GHSA-r7v6-mfhq-g3m2": "pty spawn",
    "GHSA-565g-hwwr-4pp3 loads": "marshal loads",
    "GHSA-565g-hwwr-4pp3 function": "types FunctionType",
    "GHSA-wfq2-52f7-7qvj": "runpy run_path",
    "GHSA-p523-jq9w-64x9": "cProfile run",
    "GHSA-q5qq-mvfm-j35x ctypes": "ctypes CDLL",
    "GHSA-q5qq-mvfm-j35x importlib": "importlib import_module",
    "GHSA-q5qq-mvfm-j35x code": "code InteractiveInterpreter",
    "GHSA-q5qq-mvfm-j35x multiprocessing": "multiprocessing.util spawnv_passfds",
    "GHSA-5hvc-6wx8-mvv4": "pydoc locate",
    "GHSA-m6fh-58r7-x697": "_posixsubprocess fork_exec",
    "fickling 60 torch": "torch os.system",
    "fickling 60 runpy": "runpy _run_code",
    "fickling 205": "__builtin__ __import__",
    "picklescan 74": "importlib import_module",
    "picklescan functools": "functools partial",
    "picklescan idlelib": "idlelib.run Executive.runcode",
    "picklescan lib2to3": "lib2to3.pgen2.pgen ParserGenerator.make_label",
    "picklescan numpy f2py": "numpy.f2py.crackfortran getlincoef",
    "picklescan numpy testing": "numpy.testing._private.utils runstring",
    "picklescan operator": "operator methodcaller",
    "picklescan torch bottleneck": "torch.utils.bottleneck.__main__ run_cprofile",
    "picklescan torch codecache": "torch._inductor.codecache compile_file",
    "picklescan torch config": "torch.utils._config_module ConfigModule.load_config",
    "picklescan torch decoder": "torch.utils.data.datapipes.utils.decoder basichandlers",
    "picklescan torch guards": "torch._dynamo.guards GuardBuilder.get",
    "picklescan torch load": "torch.serialization load",
    "picklescan torch wrapper": "torch.jit.unsupported_tensor_ops execWrapper",
    "modelscan 338 zlib": "zlib decompress",
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_that_a_scanner_did_not_know_is_objected_to(function):
    module, name = function.encode().split(b" ")

    (objection,) = objections(P + b"c" + module + b"\n" + name + b"\n" + TRUE + b"\x85R.")

    assert objection == f"imports {function.replace(' ', '.')}"


PROGRAMS = {  # that hid from a scanner what they call
    "picklescan 13, modelscan 51: INST": b"(S'true'\nios\nsystem\n.",
    "fickling 108: OBJ": b'(cpty\nspawn\nS"id"\no.',
    "GHSA-mxhj-88fx-4pcv: OBJ, its result dropped": P + b"(cos\nsystem\n" + TRUE + b"o0N.",
    "GHSA-mhc9-48gj-9gp3: BUILD after REDUCE": P + b"csmtplib\nSMTP\n" + TRUE + b"\x85R}b.",
    "picklescan 14: PUT beside MEMOIZE": (
        b"\x80\x04U\x02osq\x00U\x06systemq\x01U\x0ctorch._utils\x94U\x12_rebuild_tensor_v2\x94h\x00h\x01\x93"
        + TRUE
        + b"\x85R."
    ),
    "picklescan 22, modelscan 85: BUILD, then PUT of an attribute": (
        b"\x80\x05cnumpy\nprod\nN(Va\nVos\nd\x86bN(Vb\nVsystem\nd\x86b0cnumpy\nprod.a\np0\ncnumpy\nprod.b\np1\n00g0\ng1\n\x93"
        + TRUE
        + b"\x85R."
    ),
    "the same on what may be called": P + b"ccollections\nOrderedDict\nN}U\x01aU\x02oss\x86b.",
    "modelscan 331: names put together": (
        b"\x80\x04\x8c\x09importlib\x8c\x0dimport_module\x93\x8c\x08builtins\x85R\x8c\x03str\x86R."
    ),
    "modelscan 338: STACK_GLOBAL of bytes": b"\x80\x04C\x02os\x8c\x06system\x93.",
    "modelscan 338: STACK_GLOBAL of a number": b"\x80\x04J\x2a\x00\x00\x00\x8c\x02os\x93.",
    "modelscan 338: STACK_GLOBAL of a bytearray": b"\x80\x05\x8c\x02os\x96\x06\x00\x00\x00\x00\x00\x00\x00system\x93.",
    "modelscan 348: nothing in the memo": P + RUN + b"0h\x63.",
    "GHSA-9gvj-pp9x-gcfr: broken after the call": P + RUN + b"\xff",
    "nullifAI: cut off after the call": P + RUN,
    "fickling 322: an opcode that a scanner lacks": b"}F1.0\ncos\nsystem\n(S'true'\ntR.",
    "modelaudit 493: the registry of extensions": P + b"\x82\x01" + TRUE + b"\x85R.",
    "NEWOBJ_EX": P + LAYER + b")}\x92.",
    "a call of a call": P + b"ccollections\nOrderedDict\n)R)R.",
}


@pytest.mark.parametrize("pickled", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_that_hides_its_calls_is_objected_to(pickled):
    assert objections(pickled)


def changed(content, at, new):
    return content[:at] + new + content[at + len(new) :]


def other_name_in_the_header(content):
    return changed(content, content.index(b"best/data.pkl"), b"best/data.bin")


def other_sum(content):
    return changed(content, content.index(b"PK\x01\x02") + 16, b"\0\0\0\0")


def flag(bit):
    return lambda content: changed(content, content.index(b"PK\x01\x02") + 8, bytes([bit]))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(other_name_in_the_header, id="CVE-2025-1944"),
        pytest.param(flag(0x01), id="CVE-2025-1945-encrypted"),
        pytest.param(flag(0x20), id="CVE-2025-1945-patched"),
        pytest.param(flag(0x40), id="CVE-2025-1945-strongly-encrypted"),
        pytest.param(other_sum, id="CVE-2025-10156"),
    ],
)
def test_a_zip_that_a_scanner_cannot_read_and_torch_can_is_refused(tmp_path, damage):
    path = checkpoint(tmp_path / "a.pt")
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(ArchiveRefused):
        check_weights(path)


def test_a_pickle_under_a_name_that_scanners_skip_is_refused(tmp_path):
    path = checkpoint(tmp_path / "a.pt", **{"config.p": P + RUN + b"."})  # CVE-2025-1889

    with pytest.raises(ArchiveRefused, match=r"config\.p"):
        check_weights(path)


def test_a_bare_pickle_named_as_weights_is_refused(tmp_path):
    (tmp_path / "a.bin").write_bytes(P + RUN + b".")  # CVE-2025-10155

    with pytest.raises(ArchiveRefused, match=r"torch\.save"):
        check_weights(tmp_path / "a.bin")
