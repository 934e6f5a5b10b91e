"""Finding out what is wrong: certificates of derivatives, checks of rules."""

from chainrule.doctor.certify import Certificate, certify
from chainrule.doctor.rules import Fault, check_rule

__all__ = ["Certificate", "Fault", "certify", "check_rule"]
